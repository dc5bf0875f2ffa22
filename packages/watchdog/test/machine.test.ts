import assert from "node:assert/strict";
import { test } from "node:test";
import {
  I6300esb,
  Ib700,
  Machine,
  MachineError,
  type MachineEvent,
  type MachineOptions,
  type RunState,
  Timeline,
  VirtualClock,
} from "../src/index.ts";

const S = 1_000_000_000n;

function machine(options: MachineOptions) {
  const timeline = new Timeline();
  const clock = new VirtualClock(timeline);
  const events: MachineEvent[] = [];
  const others: string[] = [];
  const it = new Machine(timeline, clock, {
    ...options,
    onEvent: (event) => events.push(event),
    onNmi: () => others.push("nmi"),
    onDebug: () => others.push("debug"),
  });
  const ib700 = new Ib700(clock, { fire: () => it.fire() });
  const i6300esb = new I6300esb(clock, { fire: () => it.fire() });
  it.plug(ib700);
  it.plug(i6300esb);
  const names = () => events.map(({ event }) => event);
  return { timeline, clock, it, ib700, i6300esb, events, names, others };
}

interface ActionRow {
  readonly options: MachineOptions;
  readonly events: readonly MachineEvent["event"][];
  readonly state: RunState;
  readonly others?: readonly string[];
}

const actionRows: readonly ActionRow[] = [
  { options: { action: "reset" }, events: ["WATCHDOG", "RESET"], state: "running" },
  { options: { action: "reset", reboot: "shutdown" }, events: ["WATCHDOG", "SHUTDOWN"], state: "ended" },
  {
    options: { action: "reset", reboot: "shutdown", shutdown: "pause" },
    events: ["WATCHDOG", "SHUTDOWN", "STOP"],
    state: "shutdown",
  },
  { options: { action: "shutdown" }, events: ["WATCHDOG", "POWERDOWN"], state: "running" },
  { options: { action: "poweroff" }, events: ["WATCHDOG"], state: "ended" },
  { options: { action: "poweroff", shutdown: "pause" }, events: ["WATCHDOG"], state: "ended" },
  { options: { action: "pause" }, events: ["WATCHDOG", "STOP"], state: "watchdog" },
  { options: { action: "debug" }, events: ["WATCHDOG"], state: "running", others: ["debug"] },
  { options: { action: "none" }, events: ["WATCHDOG"], state: "running" },
  { options: { action: "inject-nmi" }, events: ["WATCHDOG"], state: "running", others: ["nmi"] },
  { options: {}, events: ["WATCHDOG", "RESET"], state: "running" },
];

for (const row of actionRows) {
  test(`${JSON.stringify(row.options)}: ${row.events.join(", ")}; ${row.state}`, () => {
    const { timeline, it, ib700, names, others, events } = machine(row.options);
    ib700.write(0x443, 1, 0xe);
    timeline.runUntil(3n * S);
    assert.deepEqual(names(), row.events);
    assert.equal(it.state, row.state);
    assert.deepEqual(others, row.others ?? []);
    assert.deepEqual(events[0], { at: 2n * S, event: "WATCHDOG", action: row.options.action ?? "reset" });
  });
}

test("a fire's RESET and SHUTDOWN are the guest's", () => {
  for (const [reboot, event] of [
    ["reset", "RESET"],
    ["shutdown", "SHUTDOWN"],
  ] as const) {
    const { it, events } = machine({ reboot });
    it.fire();
    assert.deepEqual(events[1], { at: 0n, event, guest: true, reason: "guest-reset" });
  }
});

test("paused by its watchdog, a machine goes on where it stood, its i6300esb off", () => {
  const { timeline, clock, it, i6300esb, ib700, names } = machine({ action: "pause" });
  i6300esb.writeConfig(0x60, 2, 4);
  i6300esb.writeConfig(0x68, 1, 2);
  ib700.write(0x443, 1, 0xd); // 4 s, as many left as the pause leaves
  timeline.runUntil(60n * S);
  assert.equal(clock.now, 2_013_264_000n);
  assert.equal(i6300esb.readConfig(0x68, 1), 0);
  it.cont();
  assert.equal(it.state, "running");
  timeline.runUntil(60n * S + (4n * S - 2_013_264_000n));
  assert.deepEqual(names(), ["WATCHDOG", "STOP", "RESUME", "WATCHDOG", "STOP"]);
});

test("after a pause, system_reset leaves it prelaunch, and cont starts it", () => {
  const { it, names, events } = machine({ action: "pause" });
  it.fire();
  it.systemReset();
  assert.equal(it.state, "prelaunch");
  assert.deepEqual(events.at(-1), { at: 0n, event: "RESET", guest: false, reason: "host-qmp-system-reset" });
  it.cont();
  assert.equal(it.state, "running");
  assert.deepEqual(names(), ["WATCHDOG", "STOP", "RESET", "RESUME"]);
});

test("after a shutdown that was kept, cont is refused until a reset", () => {
  const { it } = machine({ reboot: "shutdown", shutdown: "pause" });
  it.fire();
  assert.throws(() => it.cont(), /^Error: Resetting the Virtual Machine is required$/);
  it.systemReset();
  it.cont();
  assert.equal(it.state, "running");
});

test("a machine that has ended takes no command and sends nothing", () => {
  const { timeline, it, i6300esb, names } = machine({ action: "poweroff" });
  i6300esb.writeConfig(0x68, 1, 2);
  it.fire();
  for (const command of [() => it.stop(), () => it.cont(), () => it.systemReset()])
    assert.throws(command, MachineError);
  it.fire();
  timeline.runUntil(10_000n * S);
  assert.deepEqual(names(), ["WATCHDOG"]);
});

test("stop and cont: time that a guest could not run is not counted", () => {
  const { timeline, it, ib700, names, events } = machine({ action: "none" });
  ib700.write(0x443, 1, 0xd);
  timeline.runUntil(1n * S);
  it.stop();
  it.stop();
  timeline.runUntil(7n * S);
  it.cont();
  it.cont();
  timeline.runUntil(20n * S);
  assert.deepEqual(names(), ["STOP", "RESUME", "WATCHDOG"]);
  assert.equal(events.at(-1)?.at, 10n * S);
});

test("a reset reaches every device that is plugged, and disarms it", () => {
  const { timeline, it, ib700, i6300esb, names } = machine({ action: "none" });
  ib700.write(0x443, 1, 0);
  i6300esb.writeConfig(0x68, 1, 2);
  it.systemReset();
  timeline.runUntil(10_000n * S);
  assert.deepEqual(names(), ["RESET"]);
  ib700.write(0x443, 1, 0);
  it.unplug(ib700);
  it.systemReset();
  timeline.runUntil(20_000n * S);
  assert.deepEqual(names(), ["RESET", "RESET", "WATCHDOG"]);
});

test("the action is the one set when it fires", () => {
  const { it, names } = machine({ action: "none" });
  it.action = "pause";
  it.fire();
  assert.deepEqual(names(), ["WATCHDOG", "STOP"]);
});

test("five fires within a second: one event at once, the last of the others when the second ends", () => {
  const { timeline, it, events } = machine({ action: "none" });
  for (let i = 0; i < 5; i++) {
    timeline.runUntil(BigInt(i) * 1000n);
    it.fire();
  }
  timeline.runUntil(S - 1n);
  assert.deepEqual(
    events.map(({ at }) => at),
    [0n],
  );
  timeline.runUntil(S);
  assert.deepEqual(
    events.map(({ at }) => at),
    [0n, 4000n],
  );
  it.fire();
  timeline.runUntil(2n * S - 1n);
  assert.equal(events.length, 2);
  timeline.runUntil(2n * S);
  assert.equal(events.length, 3);
  timeline.runUntil(3n * S);
  it.fire();
  assert.equal(events.length, 4);
});

test("the second goes on while the guest is paused; a RESET may come before its WATCHDOG", () => {
  const { timeline, it, names } = machine({ action: "none" });
  it.fire();
  it.action = "reset";
  it.fire();
  it.stop();
  assert.deepEqual(names(), ["WATCHDOG", "RESET", "STOP"]);
  timeline.runUntil(S);
  assert.deepEqual(names(), ["WATCHDOG", "RESET", "STOP", "WATCHDOG"]);
});

test("armed at reset: fires unfed from power-on, and again after each fire and reset", () => {
  const timeline = new Timeline();
  const fires: bigint[] = [];
  const options = { armedAtReset: 10n * S };
  const clock = new VirtualClock(timeline);
  const i6300esb = new I6300esb(clock, { fire: () => fires.push(clock.now) }, options);
  assert.equal(i6300esb.readConfig(0x68, 1), 2);
  timeline.runUntil(25n * S);
  const whole = 10_173n * 983_040n; // 10 s in ticks of a preload, rounded up
  assert.deepEqual(fires, [whole, 2n * whole]);
  i6300esb.reset();
  timeline.runUntil(34n * S);
  assert.equal(fires.length, 2);

  const isaFires: bigint[] = [];
  const ib700 = new Ib700(new VirtualClock(timeline), { fire: () => isaFires.push(timeline.now) }, options);
  timeline.runUntil(43n * S);
  ib700.reset();
  timeline.runUntil(53n * S);
  assert.deepEqual(isaFires, [53n * S]);
});
