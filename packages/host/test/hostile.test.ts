/** A guest that says lines of anything, a million in `make test-witness`: what its host keeps of them is bounded, and nothing ends. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Guest, Hypervisor } from "@bernard/hypervisor";
import { pino } from "pino";
import { GuestChannels } from "../src/daemon/guest-channels.ts";
import { Witness } from "../src/daemon/witness.ts";
import { DEFAULTS } from "../src/engine/settings.ts";
import { openJournal } from "../src/journal/open-journal.ts";

/** A tenth of them is enough for every day. */
const LINES = Number(process.env.HOSTILE_LINES ?? 100_000);

/** Milliseconds between two lines: as fast as lines are read in the long run, so that none is dropped unread. */
const LINE_MS = 50;

/** Lines in one chunk, and between two looks at what is due. */
const CHUNK = 100;

/** MiB that may stay of it. */
const KEPT_MIB = 24;

const guest: Guest = {
  uuid: "5a9f5bcf-e189-414a-9a2f-eff3117dd7e3",
  name: "web",
  state: "running",
  reason: "booted",
  run: "1",
};

/** Marsaglia's xorshift, so that a failure can be had again. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function* lines(next: (below: number) => number): Generator<string> {
  const check = () => ({
    name: `check${next(1000)}`,
    verdict: ["healthy", "failing", "failed", "dead"][next(4)],
    reason: "\u001b]0;owned\u0007\u202e".repeat(next(20)),
    readings: { [`reading${next(1000)}`]: next(2) === 0 ? next(1e9) : -1e308 },
  });
  const checks = () => Array.from({ length: next(5) }, check);
  const messages = [
    () => ({
      type: "hello",
      v: 1,
      version: "0.1.0",
      boot: `${next(100)}`,
      at: 1,
      device: null,
      mode: "act",
      checks: [],
    }),
    () => ({
      ...{ type: "beat", v: 1, at: next(1e6), seq: next(1e6), feeds: next(10), rounds: 1, late_rounds: 0 },
      ...{ worst_late_ms: next(100), checks: checks() },
    }),
    () => ({
      ...{ type: "last-words", v: 1, at: 1, check: "x".repeat(next(300)), reason: "y".repeat(next(3000)) },
      ...{ end: ["starve", "reboot", "burn"][next(3)], acts: next(2) === 0, checks: checks() },
    }),
    () => ({ type: "bye", v: 1, at: 1, armed: next(2) === 0 }),
  ];
  const spoil = [
    (line: string) => line,
    (line: string) => line.slice(0, next(line.length)),
    (line: string) => {
      const place = next(line.length);
      return `${line.slice(0, place)}${String.fromCodePoint(next(0xd000))}${line.slice(place + 1)}`;
    },
    (line: string) => `${"[".repeat(next(2000))}${line}`,
    (line: string) => line.replace(/\d+/, "9".repeat(next(400))),
    (line: string) => line.replace("{", '{"__proto__":{"v":1},"constructor":1,'),
    (line: string) => (next(200) === 0 ? "z".repeat(20_000) : line),
  ];
  for (let i = 0; i < LINES; i++) {
    const line = JSON.stringify(messages[next(messages.length)]!());
    yield spoil[next(spoil.length)]!(line);
  }
}

setFlagsFromString("--expose-gc");
const collectGarbage: () => void = runInNewContext("gc");

function keptMib(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 2 ** 20;
}

function stage(t: TestContext) {
  const dir = mkdtempSync(join(tmpdir(), "bernard-hostile-"));
  const { journal } = openJournal(dir, new Date());
  let nowMs = 0;
  const clock = { now: () => nowMs, date: () => 1_790_000_000_000 + nowMs };
  const stream = new PassThrough();
  const hypervisor = {
    abilities: new Set(["channel"]),
    channel: async () => stream,
    watch: async (listener: (event: unknown) => void) => {
      listener({ type: "connected", guests: [guest], deafTo: [] });
      return { close() {} };
    },
    hardware: () => Promise.reject(new Error("nobody knows")),
    libvirtVersion: async () => "11.3.0",
    counters: () => new Promise(() => {}),
  } as unknown as Hypervisor;
  const channels = new GuestChannels(hypervisor, clock, (uuid, message) =>
    witness.tell(uuid, { type: "message", message }),
  );
  const witness: Witness = new Witness({
    ...{ hypervisor, journal, clock, settings: DEFAULTS, nextIncident: journal.nextIncident },
    ...{ log: pino({ level: "silent" }), hostBoot: "b", receivers: ["ops"], recordFile: undefined },
    takeEvidence() {},
    guestGone() {},
    wakeAlerts() {},
    lastLine: () => "",
    onGuest: (seen) => channels.follow(seen),
    onStep() {},
  });
  t.after(() => {
    channels.close();
    witness.stop();
    journal.close();
    rmSync(dir, { recursive: true });
  });
  const pass = (ms: number) => {
    nowMs += ms;
    witness.take({ type: "tick", at: nowMs });
  };
  return { channels, journal, pass, stream, witness };
}

test(`${LINES} lines of a hostile guest`, async (t) => {
  const { channels, journal, pass, stream, witness } = stage(t);
  await witness.start();
  let chunk = "";
  let count = 0;
  let before: number | undefined;
  for (const line of lines(random(1))) {
    chunk += `${line.replaceAll("\n", "")}\n`;
    if (++count % CHUNK !== 0) continue;
    pass(CHUNK * LINE_MS);
    if (!stream.write(chunk)) await new Promise((resolve) => stream.once("drain", resolve));
    chunk = "";
    // Its ring of beats is full by then.
    if (count === LINES / 100) before = keptMib();
  }
  const said = channels.said(guest.uuid);
  assert.ok(said !== undefined && before !== undefined);
  const { overlong, garbled, flooded } = said.dropped;
  assert.ok(overlong > 0 && garbled > LINES / 10 && flooded < LINES / 2, JSON.stringify(said.dropped));
  assert.ok(said.beats.table(0).rows.length > 0, "and some are read");
  const grown = keptMib() - before;
  t.diagnostic(`${grown.toFixed(1)} MiB more than after one in a hundred`);
  assert.ok(grown < KEPT_MIB, `${grown} MiB stay`);
  const incidents = journal.incidents({ limit: LINES });
  t.diagnostic(`${incidents.length} incidents in ${(LINES * LINE_MS) / 3_600_000} h`);
  assert.ok(incidents.length > 0 && incidents.length <= (LINES * LINE_MS) / DEFAULTS.calmMs, "one a minute at most");
  const longest = Math.max(...incidents.flatMap(({ signs }) => signs.map(({ detail }) => detail.length)));
  assert.ok(longest < 8192, `${longest} characters are kept of what it says`);
});
