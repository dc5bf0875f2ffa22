/** QEMU's events in our words, for those that no tiny guest brings about. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Guest } from "../src/hypervisor.ts";
import { EventTranslator } from "../src/qemu/event-translator.ts";
import { greetedClient, reply } from "./fake-monitor.ts";

const id = { uuid: "3b7f0f6e-6a51-4c8c-9a57-3f3a2f1b0c0d", name: "tiny", run: "17-4" };
const running: Guest = { ...id, state: "running", reason: "unpaused" };
const paused = (reason: string): Guest => ({ ...id, state: "paused", reason });

/** What the monitor answers. */
const answers = (status: string, execute: string): unknown => {
  if (execute === "query-status") return { status };
  if (execute === "qom-get") return "org.bernard.guest.0";
  return [{ device: "disk0", inserted: { file: "/images/a.qcow2", "node-name": "#block1" } }];
};

type Row = readonly [
  what: string,
  before: Guest,
  event: readonly [name: string, data?: Record<string, unknown>],
  status: string,
  told: readonly object[],
  after: Guest,
];

const lifecycle = (guest: Guest, change: string, detail: string) => ({ type: "lifecycle", guest, change, detail });
const stops = (status: string, detail: string, after: Guest): Row => [
  `STOP in the state ${status}`,
  running,
  ["STOP"],
  status,
  [lifecycle(after, "suspended", detail)],
  after,
];
const crashed: Guest = { ...id, state: "crashed", reason: "panicked" };
const shutDown: Guest = { ...id, state: "shutdown", reason: "unknown" };
const asleep: Guest = { ...id, state: "pmsuspended", reason: "unknown" };
const storage = { type: "storage-error", guest: id, image: "/images/a.qcow2" };

const table: readonly Row[] = [
  stops("paused", "paused", paused("user")),
  stops("watchdog", "watchdog", paused("watchdog")),
  stops("io-error", "ioerror", paused("ioerror")),
  stops("postmigrate", "migrated", paused("migration")),
  stops("save-vm", "paused", paused("save")),
  stops("internal-error", "unknown", paused("unknown")),
  stops("running", "unknown", paused("unknown")),
  stops("a state of a newer QEMU", "unknown", paused("unknown")),
  ["STOP after a panic", crashed, ["STOP"], "guest-panicked", [], crashed],
  ["STOP after a shutdown", shutDown, ["STOP"], "shutdown", [], shutDown],
  [
    "RESUME of a migrated guest",
    paused("migration"),
    ["RESUME"],
    "running",
    [lifecycle({ ...running, reason: "migrated" }, "resumed", "migrated")],
    { ...running, reason: "migrated" },
  ],
  [
    "RESUME of one that starts",
    paused("starting-up"),
    ["RESUME"],
    "running",
    [lifecycle({ ...running, reason: "booted" }, "resumed", "unpaused")],
    { ...running, reason: "booted" },
  ],
  [
    "RESET of one that its watchdog has paused",
    paused("watchdog"),
    ["RESET"],
    "prelaunch",
    [{ type: "reset", guest: id }],
    paused("starting-up"),
  ],
  ["RESET of one that runs", running, ["RESET"], "paused", [{ type: "reset", guest: id }], running],
  ["SUSPEND", running, ["SUSPEND"], "suspended", [lifecycle(asleep, "pmsuspended", "memory")], asleep],
  ["SUSPEND_DISK", running, ["SUSPEND_DISK"], "running", [lifecycle(asleep, "pmsuspended", "disk")], asleep],
  [
    "WAKEUP",
    asleep,
    ["WAKEUP"],
    "running",
    [lifecycle({ ...running, reason: "wakeup" }, "started", "wakeup")],
    { ...running, reason: "wakeup" },
  ],
  [
    "SHUTDOWN by the guest",
    running,
    ["SHUTDOWN", { guest: true, reason: "guest-shutdown" }],
    "shutdown",
    [lifecycle(shutDown, "shutdown", "guest")],
    shutDown,
  ],
  [
    "a panic",
    running,
    ["GUEST_PANICKED", { action: "pause" }],
    "guest-panicked",
    [lifecycle(crashed, "crashed", "panicked")],
    crashed,
  ],
  [
    "a panic that the guest runs on after",
    running,
    ["GUEST_PANICKED", { action: "run" }],
    "running",
    [lifecycle(running, "crashed", "panicked")],
    running,
  ],
  [
    "a kernel for crashes that is loaded",
    running,
    ["GUEST_CRASHLOADED", { action: "run" }],
    "running",
    [lifecycle(running, "crashed", "crashloaded")],
    running,
  ],
  [
    "a full image",
    running,
    ["BLOCK_IO_ERROR", { device: "disk0", action: "stop", nospace: true, reason: "No space" }],
    "io-error",
    [{ ...storage, device: "disk0", action: "pause", reason: "enospc" }],
    running,
  ],
  [
    "an image's error that the guest is told",
    running,
    ["BLOCK_IO_ERROR", { device: "", "node-name": "#block1", action: "report" }],
    "running",
    [{ ...storage, device: "#block1", action: "report", reason: "" }],
    running,
  ],
  [
    "an error of nobody knows what",
    running,
    ["BLOCK_IO_ERROR", {}],
    "running",
    [{ ...storage, image: undefined, device: undefined, action: "unknown", reason: "" }],
    running,
  ],
  [
    "a channel that is opened",
    running,
    ["VSERPORT_CHANGE", { id: "port0", open: true }],
    "running",
    [{ type: "channel", guest: id, name: "org.bernard.guest.0", open: true }],
    running,
  ],
  [
    "broken memory",
    running,
    ["MEMORY_FAILURE", { recipient: "guest", action: "inject", flags: {} }],
    "running",
    [{ type: "memory-failure", guest: id, recipient: "guest", action: "inject" }],
    running,
  ],
  [
    "a device that is gone",
    running,
    ["DEVICE_DELETED", { device: "wd", path: "/machine/peripheral/wd" }],
    "running",
    [{ type: "device-removed", guest: id, device: "wd" }],
    running,
  ],
  [
    "a part of one that is gone",
    running,
    ["DEVICE_DELETED", { path: "/machine/peripheral/wd/virtio" }],
    "running",
    [],
    running,
  ],
  [
    "a device that stays",
    running,
    ["DEVICE_UNPLUG_GUEST_ERROR", { device: "wd", path: "/machine/peripheral/wd" }],
    "running",
    [{ type: "device-removal-failed", guest: id, device: "wd" }],
    running,
  ],
  [
    "memory that stays",
    running,
    ["MEM_UNPLUG_ERROR", { device: "dimm1", msg: "busy" }],
    "running",
    [{ type: "device-removal-failed", guest: id, device: "dimm1" }],
    running,
  ],
  [
    "a fire with an action that we do not know",
    running,
    ["WATCHDOG", { action: "sing" }],
    "running",
    [{ type: "fire", guest: id, action: "unknown" }],
    running,
  ],
  ["what says nothing to us", running, ["NIC_RX_FILTER_CHANGED", { name: "card" }], "running", [], running],
];

for (const [what, before, [name, data = {}], status, told, after] of table) {
  test(`${what} is told in our words`, async (t) => {
    const { client } = await greetedClient(t, (command, theirs) => {
      theirs.write(reply(command, answers(status, command.execute)));
    });
    const translator = new EventTranslator();
    translator.begin(client, before);
    assert.deepEqual(await translator.translate({ name, data, atMs: 0 }), told);
    assert.deepEqual(translator.guest, after);
  });
}

for (const [what, before, last, detail] of [
  ["without a word", running, undefined, "failed"],
  ["after a fire", running, ["WATCHDOG", { action: "poweroff" }], "failed"],
  ["by quit", running, ["SHUTDOWN", { guest: false, reason: "host-qmp-quit" }], "destroyed"],
  ["by the guest", running, ["SHUTDOWN", { guest: true, reason: "guest-shutdown" }], "shutdown"],
  ["by a panic", running, ["SHUTDOWN", { guest: true, reason: "guest-panic" }], "crashed"],
  ["elsewhere now", paused("migration"), undefined, "migrated"],
] as const) {
  test(`an emulator that ends ${what} has ${detail}`, async (t) => {
    const { client } = await greetedClient(t, () => {});
    const translator = new EventTranslator();
    translator.begin(client, before);
    if (last !== undefined) await translator.translate({ name: last[0], data: last[1], atMs: 0 });
    assert.deepEqual(translator.end(), { guest: { ...id, run: undefined, state: "shutoff", reason: detail }, detail });
  });
}

test("a monitor that is lost within an event costs what is asked, not the event", async (t) => {
  const { client } = await greetedClient(t, (_, theirs) => void theirs.end());
  const translator = new EventTranslator();
  translator.begin(client, running);
  const [told] = await translator.translate({ name: "STOP", data: {}, atMs: 0 });
  assert.deepEqual(told, lifecycle(paused("unknown"), "suspended", "unknown"));
});
