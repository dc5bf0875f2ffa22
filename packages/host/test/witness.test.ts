/** The witness between a hypervisor that is told what to say and a real journal: what it keeps, forgets and survives. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  type Counters,
  type Guest,
  type Hardware,
  type Hypervisor,
  HypervisorError,
  type HypervisorEvent,
} from "@bernard/hypervisor";
import { pino } from "pino";
import { replay } from "../src/daemon/input-log.ts";
import { Witness } from "../src/daemon/witness.ts";
import { DEFAULTS } from "../src/engine/settings.ts";
import type { Journal } from "../src/journal/journal.ts";
import { openJournal } from "../src/journal/open-journal.ts";

const guestOf = (name: string, state: Guest["state"] = "running", reason = "booted", run = "1"): Guest => ({
  uuid: `${Buffer.from(name).toString("hex").padEnd(8, "0")}-0000-4000-8000-000000000000`,
  name,
  state,
  reason,
  run: state === "shutoff" ? undefined : run,
});

type Lifecycle = Extract<HypervisorEvent, { type: "lifecycle" }>;

const fire = (guest: Guest): HypervisorEvent => ({ type: "fire", guest, action: "reset" });
const lifecycle = (change: string, detail: string, guest: Guest): Lifecycle => ({
  type: "lifecycle",
  change,
  detail,
  guest,
});

/** A line of the log. */
interface Said {
  readonly msg: string;
  readonly guest?: string;
  readonly incidents?: number;
}

/** One turn of the event loop: what was answered at once has been heard. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

function stage(
  t: TestContext,
  {
    isFull = (): boolean => false,
    isLibvirtStuck = (): boolean => false,
    watchdogs = (): Hardware["watchdogs"] => [],
    record = false,
    said = [] as Said[],
  } = {},
) {
  const dir = mkdtempSync(join(tmpdir(), "bernard-witness-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const recordFile = record ? join(dir, "record.jsonl") : undefined;
  const there = new Map<string, Guest>();
  const gone: [string, boolean][] = [];
  const answers: ((counters: Counters | PromiseLike<never>) => void)[] = [];
  let nowMs = 1_000_000;
  const clock = { now: () => nowMs, date: () => 1_790_000_000_000 + nowMs };

  async function start() {
    const { journal } = openJournal(dir, new Date());
    const commit: Journal["commit"] = journal.commit.bind(journal);
    journal.commit = (...step) => {
      if (isFull()) throw new Error("database or disk is full");
      commit(...step);
    };
    let tell: (event: HypervisorEvent) => void = () => {};
    const hypervisor = {
      abilities: new Set(["channel"]),
      watch: async (listener: typeof tell) => {
        tell = listener;
        tell({ type: "connected", guests: [...there.values()], deafTo: [] });
        return { close() {} };
      },
      guest: async (uuid: string) => {
        const guest = there.get(uuid);
        if (guest === undefined) throw new HypervisorError("gone", "there is no such guest");
        return guest;
      },
      hardware: async () => ({ watchdogs: watchdogs(), action: undefined }),
      libvirtVersion: async () => {
        if (isLibvirtStuck()) throw new HypervisorError("no-answer", "libvirt's version: no answer");
        return "9.0.0";
      },
      counters: () => new Promise<Counters>((resolve) => answers.push(resolve)),
    } as unknown as Hypervisor;
    const witness = new Witness({
      hypervisor,
      journal,
      clock,
      settings: DEFAULTS,
      nextIncident: journal.nextIncident,
      log: pino({}, { write: (line: string) => said.push(JSON.parse(line)) }),
      hostBoot: "b",
      receivers: ["ops"],
      recordFile,
      takeEvidence() {},
      guestGone: ({ name }, isDeleted) => gone.push([name, isDeleted]),
      wakeAlerts() {},
      lastLine: () => "",
      onGuest() {},
      onStep() {},
    });
    await witness.start();
    let isStopped = false;
    const stop = () => {
      if (isStopped) return;
      isStopped = true;
      witness.stop();
      journal.close();
    };
    t.after(stop);
    const tick = (ms = 1000) => {
      nowMs += ms;
      witness.take({ type: "tick", at: nowMs });
    };
    /** The guest is as told from now on, and its event says so. */
    const happens = (event: Lifecycle, isThere = true) => {
      if (isThere) there.set(event.guest.uuid, event.guest);
      else there.delete(event.guest.uuid);
      tell(event);
    };
    return { witness, journal, tell: (event: HypervisorEvent) => tell(event), tick, happens, stop };
  }
  const has = (...guests: readonly Guest[]) => {
    there.clear();
    for (const guest of guests) there.set(guest.uuid, guest);
  };
  return { dir, has, gone, answers, recordFile, start };
}

const names = (guests: readonly { readonly name: string }[]) => guests.map(({ name }) => name);

test("a disk that is full for long keeps out what was too much, and nothing that follows", async (t) => {
  let isFull = false;
  const { has, start } = stage(t, { isFull: () => isFull });
  const web = guestOf("web");
  has(web);
  const { journal, tell, tick } = await start();
  tick();
  isFull = true;
  tell(fire(web));
  // Each fire after a minute of calm is an incident: too many to be kept in memory.
  for (let i = 0; i < 4000; i++) {
    tick(DEFAULTS.calmMs);
    tell(fire(web));
  }
  isFull = false;
  tick(1000);
  tick(DEFAULTS.calmMs);
  tell(fire(web));
  const kept = journal.incidents({ limit: 10_000 });
  assert.ok(kept.length > 1000 && kept.length < 4000, `${kept.length} are kept`);
  assert.deepEqual([kept[0]?.signs[0]?.sign, kept[0]?.closedAt], ["fire", undefined]);
  assert.deepEqual(
    kept.filter(({ signs }) => signs.length === 0),
    [],
  );
});

test("the log names the guest at every sign of it, and at the end of its incident, which a restart does not hide", async (t) => {
  const said: Said[] = [];
  const { has, start } = stage(t, { said });
  const web = guestOf("web");
  has(web);
  const first = await start();
  for (let fires = 0; fires < DEFAULTS.loopEnds; fires++) {
    first.tell(fire(web));
    first.tick(DEFAULTS.calmMs / 2);
  }
  first.stop();
  const { tick } = await start();
  tick(DEFAULTS.calmMs);
  assert.deepEqual(
    said.filter((line) => "incident" in line).map(({ guest, msg }) => [guest, msg]),
    [
      ["web", "its watchdog fired; action reset"],
      ["web", "3 ends within 60 min"],
      ["web", "the incident is over"],
    ],
  );
});

test("a daemon that ends while its disk is full says what is lost with it", async (t) => {
  const said: Said[] = [];
  let isFull = false;
  const { has, start } = stage(t, { said, isFull: () => isFull });
  const web = guestOf("web");
  has(web);
  const { tell, tick, stop } = await start();
  tick();
  isFull = true;
  tell(fire(web));
  stop();
  assert.deepEqual(
    said.slice(-1).map(({ msg, incidents }) => [msg, incidents]),
    [["what memory kept of incidents is lost", 1]],
  );
});

test("an answer that comes after the end changes no record, and a record outlives a restart", async (t) => {
  const { has, start, answers, recordFile } = stage(t, { record: true });
  has(guestOf("web"));
  const first = await start();
  first.tick(DEFAULTS.askMs);
  assert.equal(answers.length, 1);
  first.stop();
  const recorded = readFileSync(recordFile ?? "", "utf8");
  answers[0]?.({
    disk: { reads: 0, writes: 0, readBytes: 0, writtenBytes: 0 },
    network: undefined,
    processors: { count: 1, ranS: 0, waitedS: 0 },
  });
  await new Promise((resolve) => setTimeout(resolve, 50)); // the host's pressure is read from files
  assert.equal(readFileSync(recordFile ?? "", "utf8"), recorded);
  assert.deepEqual([...replay(recorded.trimEnd().split("\n"))].join("\n"), recorded.trimEnd());
  const second = await start();
  second.stop();
  assert.equal(readFileSync(`${recordFile}.1`, "utf8"), recorded);
});

test("a guest that nobody keeps a definition of is forgotten with its emulator, and its incident ends", async (t) => {
  const { has, gone, start } = stage(t);
  has(guestOf("web"), guestOf("job"));
  const { witness, journal, tick, happens } = await start();
  tick();
  happens(lifecycle("stopped", "failed", guestOf("web", "shutoff", "failed")));
  happens(lifecycle("stopped", "failed", guestOf("job", "shutoff", "failed")), false);
  await turn();
  tick();
  assert.deepEqual(names(witness.guests()), ["web"]);
  assert.deepEqual(names(journal.guests()), ["web"]);
  assert.deepEqual(gone, [["job", false]]);
  assert.deepEqual(
    journal.incidents().map(({ name, outcome }) => [name, outcome]),
    [
      ["job", "gone"],
      ["web", undefined],
    ],
  );
});

test("what is gone after a loss, or a restart, is forgotten in the journal too", async (t) => {
  const { has, gone, start } = stage(t);
  has(guestOf("a"), guestOf("b"), guestOf("c"));
  const first = await start();
  first.tick();
  first.tell({ type: "connected", guests: [guestOf("a"), guestOf("b")], deafTo: [] });
  first.tick();
  assert.deepEqual(names(first.journal.guests()), ["a", "b"]);
  first.stop();
  has(guestOf("b"));
  const { journal, tick } = await start();
  tick();
  assert.deepEqual(names(journal.guests()), ["b"]);
  assert.deepEqual(gone, [
    ["c", false],
    ["a", false],
  ]);
});

test("whether a guest was deleted, went to another host or got another name", async (t) => {
  const { has, gone, start } = stage(t);
  has(guestOf("old", "shutoff", "failed"), guestOf("moved"), guestOf("dead", "shutoff", "shutdown"));
  const { witness, happens, tell } = await start();
  const renamed = { ...guestOf("old", "shutoff", "unknown"), name: "new" };
  tell(lifecycle("undefined", "renamed", guestOf("old", "shutoff", "failed")));
  tell(lifecycle("defined", "renamed", renamed));
  happens(lifecycle("stopped", "migrated", guestOf("moved", "shutoff", "migrated")));
  tell(lifecycle("undefined", "removed", guestOf("moved", "shutoff", "migrated")));
  tell(lifecycle("undefined", "removed", guestOf("dead", "shutoff", "shutdown")));
  assert.deepEqual(names(witness.guests()), ["new"]);
  assert.deepEqual(gone, [
    ["moved", false],
    ["dead", true],
  ]);
});

test("an emulator's answer for its last run says nothing of the next", async (t) => {
  const { has, answers, start, recordFile } = stage(t, { record: true });
  has(guestOf("web"));
  const { tick, happens } = await start();
  tick(DEFAULTS.askMs);
  happens(lifecycle("started", "booted", guestOf("web", "running", "booted", "2")));
  answers[0]?.({
    disk: { reads: 9, writes: 9, readBytes: 9, writtenBytes: 9 },
    network: undefined,
    processors: { count: 1, ranS: 9, waitedS: 0 },
  });
  await new Promise((resolve) => setTimeout(resolve, 50)); // the host's pressure is read from files
  assert.doesNotMatch(readFileSync(recordFile ?? "", "utf8"), /"type":"reading"/);
});

test("a mute by name means every guest of that name", async (t) => {
  const { has, start } = stage(t);
  has(guestOf("a"), { ...guestOf("b"), name: "a" }, guestOf("c"));
  const { witness } = await start();
  assert.equal(witness.mute("a", 1_790_000_000_000 + 2_000_000), true);
  assert.deepEqual(
    witness.guests().map(({ mutedUntil }) => mutedUntil !== null),
    [true, true, false],
  );
});

test("an emulator that answers nothing is stuck; where libvirt itself answers nothing, none is", async (t) => {
  let isLibvirtStuck = true;
  const { has, answers, start } = stage(t, { isLibvirtStuck: () => isLibvirtStuck });
  has(guestOf("web"));
  const { journal, tick } = await start();
  const goBy = async (ms: number) => {
    for (let gone = 0; gone < ms; gone += 1000) {
      tick();
      for (const answer of answers.splice(0)) answer(Promise.reject(new HypervisorError("no-answer", "counters")));
      await turn();
    }
  };
  await goBy(5 * DEFAULTS.askMs);
  assert.deepEqual(journal.incidents(), []);
  isLibvirtStuck = false;
  await goBy(2 * DEFAULTS.askMs);
  assert.deepEqual(
    journal.incidents().map(({ signs }) => signs.map(({ sign }) => sign)),
    [["emulator-stuck"]],
  );
});

test("a device that is put in while the guest runs is seen, though no event tells of it", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval"] });
  let watchdogs: Hardware["watchdogs"] = [];
  const { has, start } = stage(t, { watchdogs: () => watchdogs });
  has(guestOf("a"), guestOf("b", "shutoff", "shutdown"), guestOf("c"));
  const { witness, tick } = await start();
  await turn();
  const seen = () => witness.guests().map(({ watchdogs: models }) => models);
  assert.deepEqual(seen(), [[], [], []]);
  watchdogs = [{ model: "i6300esb", origin: "declared" }];
  for (let i = 0; i < 2; i++) {
    tick(2000);
    t.mock.timers.tick(1000);
    await turn();
  }
  assert.deepEqual(seen(), [["i6300esb"], [], ["i6300esb"]]);
});

test("a guest that libvirt knows to be off, and told nobody, is seen to be when it is asked", async (t) => {
  const { has, answers, start } = stage(t);
  has(guestOf("web"));
  const { journal, tick } = await start();
  tick(DEFAULTS.askMs);
  has(guestOf("web", "shutoff", "crashed"));
  answers.shift()?.(Promise.reject(new HypervisorError("wrong-state", "it is off")));
  for (let turns = 0; turns < 5; turns++) await turn();
  const [incident] = journal.openIncidents();
  assert.equal(incident?.signs[0]?.detail, "its emulator ended by itself, or was killed, while nobody listened");
});
