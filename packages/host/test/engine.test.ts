/** The engine's judgement as stories: what happens to guests, second by second, and what is to be done about it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Counters, Guest } from "@bernard/hypervisor";
import type { GuestMessage } from "@bernard/protocol";
import { Engine, type Tick } from "../src/engine/engine.ts";
import type { Effect } from "../src/engine/incident.ts";
import type { GuestInput, HostPressure, Input } from "../src/engine/input.ts";
import { DEFAULTS } from "../src/engine/settings.ts";

const UUID = "5a9f5bcf-e189-414a-9a2f-eff3117dd7e3";

const guest = (state: Guest["state"], reason = "unknown", run: string | undefined = "1"): Guest => ({
  uuid: UUID,
  name: "web-1",
  state,
  reason,
  run,
});

const seen = (state: Guest["state"], reason?: string): GuestInput => ({ type: "seen", guest: guest(state, reason) });
const lifecycle = (change: string, detail: string, after: Guest): GuestInput => ({
  type: "lifecycle",
  change,
  detail,
  guest: after,
});
const fire = (action: "reset" | "pause" | "none" | "poweroff"): GuestInput => ({
  type: "fire",
  guest: guest("running"),
  action,
});
const reset: GuestInput = { type: "reset", guest: guest("running") };
const message = (said: GuestMessage): GuestInput => ({ type: "message", message: said });
const hello = (boot: string): GuestInput =>
  message({ type: "hello", v: 1, version: "0.1.0", boot, at: 5, device: null, mode: "act", checks: ["memory"] });
const beat = (verdict: "healthy" | "failing" = "healthy"): GuestInput =>
  message({
    type: "beat",
    v: 1,
    at: 10,
    seq: 1,
    feeds: 3,
    rounds: 10,
    late_rounds: 0,
    worst_late_ms: 0,
    checks: [{ name: "memory", verdict, reason: "", readings: {} }],
  });
const lastWords = (acts = true, end: "starve" | "reboot" = "starve"): GuestInput =>
  message({ type: "last-words", v: 1, at: 20, check: "disk:/", reason: "writes fail", end, acts, checks: [] });
const bye: GuestInput = message({ type: "bye", v: 1, at: 30, armed: false });
const agent = (open: boolean): GuestInput => ({
  type: "channel",
  guest: guest("running"),
  name: "org.qemu.guest_agent.0",
  open,
});
const mute = (untilS: number): GuestInput => ({ type: "mute", until: untilS * 1000 });
const gone: GuestInput = { type: "gone", isDeleted: true };

const IDLE: HostPressure = { cpuSome: 1, memoryFull: 0, ioFull: 0 };
const BUSY: HostPressure = { cpuSome: 80, memoryFull: 0, ioFull: 0 };

interface World {
  /** What the guest's disk has written and read by then, and its network sent. */
  readonly writes?: (atS: number) => number;
  readonly reads?: (atS: number) => number;
  readonly sent?: (atS: number) => number;
  readonly host?: (atS: number) => HostPressure;
  readonly answers?: (atS: number) => boolean;
  readonly lastLine?: string;
  readonly waitedS?: (atS: number) => number;
}

interface Story {
  readonly title: string;
  readonly happens: readonly (readonly [atS: number, GuestInput])[];
  readonly world?: World;
  readonly until: number;
  /** Evidence comes with each sign, and is left out here. */
  readonly told: readonly string[];
}

const counters = (atS: number, { writes, reads, sent, waitedS }: World): Counters => ({
  disk: { reads: reads?.(atS) ?? 0, writes: writes?.(atS) ?? 0, readBytes: 0, writtenBytes: 0 },
  network: { receivedBytes: atS, sentBytes: sent?.(atS) ?? 0 },
  processors: { count: 1, ranS: atS / 2, waitedS: waitedS?.(atS) ?? 0 },
});

/** Plays a story: inputs at their seconds, a tick each second, each reading that is asked for answered at once. */
function play(
  happens: readonly (readonly [number, Input | Tick])[],
  worlds: ReadonlyMap<string, World>,
  until: number,
): [number, Effect][] {
  const engine = new Engine(DEFAULTS, 1);
  const told: [number, Effect][] = [];
  const rest = [...happens];
  for (let atS = 0; atS <= until; atS++) {
    const due: (Input | Tick)[] = [];
    while (rest[0] !== undefined && rest[0][0] <= atS) due.push(rest.shift()![1]);
    due.push({ type: "tick", at: atS * 1000 });
    for (let next = due.shift(); next !== undefined; next = due.shift()) {
      for (const effect of engine.take(next)) {
        told.push([atS, effect]);
        if (effect.type !== "read") continue;
        const world = worlds.get(effect.uuid) ?? {};
        const answers = world.answers?.(atS) ?? true;
        due.unshift({
          type: "reading",
          uuid: effect.uuid,
          at: atS * 1000,
          counters: answers ? counters(atS, world) : undefined,
          host: world.host?.(atS) ?? IDLE,
          lastLine: world.lastLine ?? "",
        });
      }
    }
  }
  return told;
}

const at = (atS: number, input: GuestInput): readonly [number, Input] => [
  atS,
  { ...input, at: atS * 1000, uuid: UUID },
];

function inWords([atS, effect]: [number, Effect]): string[] {
  switch (effect.type) {
    case "open":
      return [`${atS} open ${effect.incident.signs[0]!.sign}: ${effect.incident.signs[0]!.detail}`];
    case "sign":
      return [`${atS} and ${effect.sign.sign}: ${effect.sign.detail}`];
    case "close":
      return [`${atS} close: ${effect.outcome}`];
    case "would":
      return [`${atS} would ${effect.remedy}`];
    case "alert":
      return [`${atS} alert ${effect.sign.sign}`];
    default:
      return [];
  }
}

const beats = (from: number, to: number): (readonly [number, GuestInput])[] =>
  Array.from({ length: Math.floor((to - from) / 10) + 1 }, (_, i) => [from + 10 * i, beat()] as const);

const SILENT = "open silence: nothing heard for";
const STILL = "no disk or network moved, its processors ran 60.0 s";

const stories: readonly Story[] = [
  {
    title: "a guest that beats is left alone",
    happens: [[0, seen("running")], [5, hello("a")], ...beats(10, 2000)],
    until: 2000,
    told: [],
  },
  {
    title: "last words, a fire and a reset are one incident, which a hello ends",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
      [10, beat()],
      [20, lastWords()],
      [21, fire("reset")],
      [21, reset],
      [40, hello("b")],
      ...beats(50, 90),
    ],
    until: 90,
    told: [
      "20 open last-words: disk:/: writes fail; it ends itself (starve)",
      "20 alert last-words",
      "21 and fire: its watchdog fired; action reset",
      "21 alert fire",
      "40 close: back",
    ],
  },
  {
    title: "what a guest announces and does not do is an incident too, until it is healthy",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
      [20, lastWords(false)],
      [30, beat("failing")],
      [40, beat()],
      ...beats(50, 60),
    ],
    until: 60,
    told: ["20 open last-words: disk:/: writes fail; it is fed on", "20 alert last-words", "40 close: back"],
  },
  {
    title: "a fire in a guest that tells nothing is over when it has run for a minute",
    happens: [
      [0, seen("running")],
      [10, fire("reset")],
      [10, reset],
    ],
    until: 100,
    told: ["10 open fire: its watchdog fired; action reset", "10 alert fire", "70 close: calm"],
  },
  {
    title: "a guest that its watchdog paused waits for somebody, and is told once",
    happens: [
      [0, seen("running")],
      [10, fire("pause")],
      [10, lifecycle("suspended", "watchdog", guest("paused", "watchdog"))],
      [200, lifecycle("resumed", "unpaused", guest("running", "unpaused"))],
    ],
    until: 300,
    told: [
      "10 open fire: its watchdog fired; action pause",
      "10 alert fire",
      "40 and watchdog-pause: paused by its watchdog for 30 s",
      "40 alert watchdog-pause",
      "40 would reset and resume",
      "260 close: calm",
    ],
  },
  {
    title: "found paused by its watchdog, it has fired while nobody listened",
    happens: [[0, seen("paused", "watchdog")]],
    until: 60,
    told: [
      "0 open fire: found paused by its watchdog",
      "0 alert fire",
      "30 and watchdog-pause: paused by its watchdog for 30 s",
      "30 alert watchdog-pause",
      "30 would reset and resume",
    ],
  },
  {
    title: "libvirt's dump looks like a pause, and has its time",
    happens: [
      [0, seen("running")],
      [0, { type: "hardware", action: "dump" }],
      [10, fire("pause")],
      [10, lifecycle("suspended", "watchdog", guest("paused", "watchdog"))],
      [300, lifecycle("resumed", "unpaused", guest("running", "unpaused"))],
    ],
    until: 400,
    told: ["10 open fire: its watchdog fired; action dump", "10 alert fire", "360 close: calm"],
  },
  {
    title: "a poweroff by the watchdog is no crash of the emulator",
    happens: [
      [0, seen("running")],
      [10, fire("poweroff")],
      [12, lifecycle("stopped", "failed", guest("shutoff", "failed", undefined))],
    ],
    until: 30,
    told: ["10 open fire: its watchdog fired; action poweroff", "10 alert fire", "12 close: off"],
  },
  {
    title: "an emulator that ends by itself is a crash, until the guest is started",
    happens: [
      [0, seen("running")],
      [10, lifecycle("stopped", "failed", guest("shutoff", "failed", undefined))],
      [50, lifecycle("started", "booted", guest("running", "booted", "2"))],
    ],
    until: 120,
    told: [
      "10 open emulator-crash: its emulator ended by itself, or was killed",
      "10 alert emulator-crash",
      "10 would start",
      "110 close: calm",
    ],
  },
  {
    title: "what was off before we came is no crash",
    happens: [[0, seen("shutoff", "failed")]],
    until: 1000,
    told: [],
  },
  {
    title: "a panic",
    happens: [
      [0, seen("running")],
      [10, lifecycle("crashed", "panicked", guest("crashed", "panicked"))],
      [20, lifecycle("stopped", "destroyed", guest("shutoff", "destroyed", undefined))],
    ],
    until: 60,
    told: ["10 open panic: its kernel panicked", "10 alert panic", "10 would reset and resume", "20 close: off"],
  },
  {
    title: "a storage error that pauses",
    happens: [
      [0, seen("running")],
      [
        10,
        {
          type: "storage-error",
          guest: guest("running"),
          image: "/a.qcow2",
          device: "vda",
          action: "pause",
          reason: "enospc",
        },
      ],
      [10, lifecycle("suspended", "ioerror", guest("paused", "ioerror"))],
      [500, lifecycle("resumed", "unpaused", guest("running", "unpaused"))],
    ],
    until: 600,
    told: [
      "10 open storage-pause: paused by an error of /a.qcow2 (enospc)",
      "10 alert storage-pause",
      "560 close: calm",
    ],
  },
  {
    title: "silence: three beats missed, then two minutes in which nothing moved",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
      [10, beat()],
      [300, beat()],
    ],
    until: 320,
    told: [`160 ${SILENT} 150 s; in 120 s ${STILL}`, "160 alert silence", "300 close: back"],
  },
  {
    title: "a silent guest whose disk moves is no incident",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
    ],
    world: { writes: (atS) => atS },
    until: 2000,
    told: [],
  },
  {
    title: "nor one that still reads",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
    ],
    world: { reads: (atS) => atS },
    until: 2000,
    told: [],
  },
  {
    title: "nor one that still sends",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
    ],
    world: { sent: (atS) => atS },
    until: 2000,
    told: [],
  },
  {
    title: "a silent guest on a starved host is not blamed",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
    ],
    world: { host: () => BUSY },
    until: 1000,
    told: [],
  },
  {
    title: "nor one whose processors wait for the host's",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
    ],
    world: { waitedS: (atS) => atS },
    until: 1000,
    told: [],
  },
  {
    title: "a host that was starved as the look began says nothing of its guest",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
    ],
    world: { host: (atS) => (atS < 100 ? BUSY : IDLE) },
    until: 300,
    told: [`275 ${SILENT} 270 s; in 120 s ${STILL}`, "275 alert silence"],
  },
  {
    title: "nor does one that was starved as it ended",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
    ],
    world: { host: (atS) => (atS > 100 && atS < 200 ? BUSY : IDLE) },
    until: 400,
    told: [`395 ${SILENT} 390 s; in 120 s ${STILL}`, "395 alert silence"],
  },
  {
    title: "a guest that waited for a processor in little of the time is not silent for want of one",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
    ],
    world: { waitedS: (atS) => atS * 0.13 },
    until: 300,
    told: [`155 ${SILENT} 150 s; in 120 s ${STILL}`, "155 alert silence"],
  },
  {
    title: "a daemon that was stopped by order is not missed",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
      [30, bye],
    ],
    until: 1000,
    told: [],
  },
  {
    title: "a paused guest says nothing, and has its time afterwards",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
      [10, lifecycle("suspended", "paused", guest("paused", "user"))],
      [1000, lifecycle("resumed", "unpaused", guest("running", "unpaused"))],
      ...beats(1140, 1200),
    ],
    until: 1200,
    told: [],
  },
  {
    title: "so has one that was saved, or migrated away and back: it is another run",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
      [10, lifecycle("stopped", "saved", guest("shutoff", "saved", undefined))],
      [5000, lifecycle("started", "restored", guest("running", "restored", "2"))],
      ...beats(5030, 5700),
    ],
    until: 5700,
    told: [],
  },
  {
    title: "a suspended guest",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
      [10, lifecycle("pmsuspended", "memory", guest("pmsuspended"))],
    ],
    until: 3000,
    told: [],
  },
  {
    title: "a guest without our daemon is silent when its agent is gone and nothing moves",
    happens: [
      [0, seen("running")],
      [5, agent(true)],
      [100, agent(false)],
      [400, agent(true)],
    ],
    until: 500,
    told: [`250 ${SILENT} 150 s; in 120 s ${STILL}`, "250 alert silence", "430 close: calm"],
  },
  {
    title: "a boot that hangs, of a guest that said hello before",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
      [60, reset],
      [1000, hello("b")],
    ],
    until: 1020,
    told: [
      "780 open hung-boot: booting for 720 s without a hello; in 120 s no disk or network moved, its processors ran 60.0 s",
      "780 alert hung-boot",
      "1000 close: back",
    ],
  },
  {
    title: "a boot that checks its file system for an hour",
    happens: [[0, seen("running")], [5, hello("a")], [60, reset], [3700, hello("b")], ...beats(3710, 3800)],
    world: { writes: (atS) => atS },
    until: 3800,
    told: [],
  },
  {
    title: "a boot that waits for a passphrase",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
      [60, reset],
    ],
    world: { lastLine: "Please enter passphrase for disk vda3 (root): " },
    until: 3600,
    told: [],
  },
  {
    title: "a first boot, however long",
    happens: [[0, seen("running")]],
    until: 3600,
    told: [],
  },
  {
    title: "a guest that ends again and again",
    happens: [
      [0, seen("running")],
      ...[100, 200, 300].flatMap(
        (atS) =>
          [
            [atS, fire("reset")],
            [atS, reset],
            [atS + 20, hello(`${atS}`)],
          ] as const,
      ),
      ...beats(330, 400),
    ],
    until: 400,
    told: [
      "100 open fire: its watchdog fired; action reset",
      "100 alert fire",
      "120 close: back",
      "200 open fire: its watchdog fired; action reset",
      "200 alert fire",
      "220 close: back",
      "300 open fire: its watchdog fired; action reset",
      "300 alert fire",
      "300 and reset-loop: 3 ends within 60 min",
      "300 alert reset-loop",
      "300 would quarantine",
      "320 close: back",
    ],
  },
  {
    title: "a guest that announces its reboot, and whose watchdog fires on the way, has ended once",
    happens: [
      [0, seen("running")],
      ...[100, 180].flatMap(
        (atS) =>
          [
            [atS, lastWords(true, "reboot")],
            [atS + 15, fire("reset")],
            [atS + 15, reset],
            [atS + 40, hello(`${atS}`)],
          ] as const,
      ),
      ...beats(230, 300),
    ],
    until: 300,
    told: [100, 180].flatMap((atS) => [
      `${atS} open last-words: disk:/: writes fail; it ends itself (reboot)`,
      `${atS} alert last-words`,
      `${atS + 15} and fire: its watchdog fired; action reset`,
      `${atS + 15} alert fire`,
      `${atS + 40} close: back`,
    ]),
  },
  {
    title: "what ended more than an hour ago is no part of a loop",
    happens: [
      [0, seen("running")],
      [100, fire("reset")],
      [1900, fire("reset")],
      [3701, fire("reset")],
    ],
    until: 3800,
    told: [100, 1900, 3701].flatMap((atS) => [
      `${atS} open fire: its watchdog fired; action reset`,
      `${atS} alert fire`,
      `${atS + 60} close: calm`,
    ]),
  },
  {
    title: "a mute records, and says nothing",
    happens: [
      [0, seen("running")],
      [1, mute(60)],
      [10, fire("reset")],
      [10, reset],
    ],
    until: 100,
    told: ["10 open fire: its watchdog fired; action reset", "70 close: calm"],
  },
  {
    title: "an emulator that answers nothing, found when its silence is looked into",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
      [200, beat()],
    ],
    world: { answers: (atS) => atS > 150 },
    until: 260,
    told: [
      "65 open emulator-stuck: its emulator has answered nothing for 30 s",
      "65 alert emulator-stuck",
      "200 close: back",
    ],
  },
  {
    title: "an emulator that answers nothing, of a guest that never says anything",
    happens: [[0, seen("running")]],
    world: { answers: (atS) => atS < 200 },
    until: 400,
    told: ["264 open emulator-stuck: its emulator has answered nothing for 30 s", "264 alert emulator-stuck"],
  },
  {
    title: "a guest that was resumed and stops on the same error is still in the same trouble",
    happens: [
      [0, seen("running")],
      [10, lifecycle("suspended", "ioerror", guest("paused", "ioerror"))],
      ...[100, 200, 300].flatMap(
        (atS) =>
          [
            [atS, lifecycle("resumed", "unpaused", guest("running", "unpaused"))],
            [atS + 1, lifecycle("suspended", "ioerror", guest("paused", "ioerror"))],
          ] as const,
      ),
      [400, lifecycle("resumed", "unpaused", guest("running", "unpaused"))],
    ],
    until: 500,
    told: ["10 open storage-pause: paused by an error of its storage", "10 alert storage-pause", "460 close: calm"],
  },
  {
    title: "a guest whose device fires every 30 s and does nothing is one incident",
    happens: [
      [0, seen("running")],
      ...Array.from({ length: 20 }, (_, i): readonly [number, GuestInput] => [10 + 30 * i, fire("none")]),
    ],
    until: 700,
    told: [
      "10 open fire: its watchdog fired; action none",
      "10 alert fire",
      "70 and reset-loop: 3 ends within 60 min",
      "70 alert reset-loop",
      "70 would quarantine",
      "640 close: calm",
    ],
  },
  {
    title: "a guest that its owner pauses for a week after a fire, and takes up again",
    happens: [
      [0, seen("running")],
      [10, fire("none")],
      [20, lifecycle("suspended", "paused", guest("paused", "user"))],
      [604_800, lifecycle("resumed", "unpaused", guest("running", "unpaused"))],
    ],
    until: 604_900,
    told: ["10 open fire: its watchdog fired; action none", "10 alert fire", "604860 close: calm"],
  },
  {
    title: "a guest that is reset while its watchdog holds it stands as before",
    happens: [
      [0, seen("running")],
      [10, fire("pause")],
      [10, lifecycle("suspended", "watchdog", guest("paused", "watchdog"))],
      [20, reset],
    ],
    until: 200,
    told: [
      "10 open fire: its watchdog fired; action pause",
      "10 alert fire",
      "40 and watchdog-pause: paused by its watchdog for 30 s",
      "40 alert watchdog-pause",
      "40 would reset and resume",
    ],
  },
  {
    title: "a guest that reboots itself every minute, saying goodbye",
    happens: [
      [0, seen("running")],
      ...Array.from({ length: 30 }, (_, i) => 60 * i).flatMap(
        (atS) =>
          [
            [atS + 20, hello(`${atS}`)],
            [atS + 30, beat()],
            [atS + 58, bye],
            [atS + 59, reset],
          ] as const,
      ),
      [1820, hello("last")],
      ...beats(1830, 2000),
    ],
    until: 2000,
    told: [],
  },
  {
    title: "a daemon that is upgraded in its guest",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
      ...beats(10, 100),
      [105, bye],
      [107, hello("a")],
      ...beats(110, 400),
    ],
    until: 400,
    told: [],
  },
  {
    title: "a guest with an agent alone that reboots for an hour, its disk busy",
    happens: [
      [0, seen("running")],
      [5, agent(true)],
      [60, agent(false)],
      [61, reset],
      [3660, agent(true)],
    ],
    world: { writes: (atS) => atS },
    until: 4000,
    told: [],
  },
  {
    title: "a silent guest that goes to another host",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
      [300, lifecycle("stopped", "migrated", guest("shutoff", "migrated", undefined))],
    ],
    until: 3000,
    told: [`155 ${SILENT} 150 s; in 120 s ${STILL}`, "155 alert silence", "300 close: off"],
  },
  {
    title: "what is failing for hours stays one incident, told once",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
      [20, lastWords(false)],
      ...Array.from({ length: 700 }, (_, i): readonly [number, GuestInput] => [30 + 10 * i, beat("failing")]),
      [7100, beat()],
    ],
    until: 7110,
    told: ["20 open last-words: disk:/: writes fail; it is fed on", "20 alert last-words", "7100 close: back"],
  },
  {
    title: "a guest that cries and is well by turns has few incidents, whatever it says",
    happens: [
      [0, seen("running")],
      ...Array.from({ length: 400 }, (_, i) => 10 + 3 * i).flatMap(
        (atS) =>
          [
            [atS, lastWords(false)],
            [atS + 2, beat()],
          ] as const,
      ),
      ...beats(1220, 1300),
    ],
    until: 1300,
    told: [
      ...[10, 13, 16].flatMap((atS) => [
        `${atS} open last-words: disk:/: writes fail; it is fed on`,
        `${atS} alert last-words`,
        `${atS + 2} close: back`,
      ]),
      "19 open last-words: disk:/: writes fail; it is fed on",
      "19 alert last-words",
      "1270 close: back",
    ],
  },
  {
    title: "an incident of a guest whose daemon was removed ends when it was long enough calm",
    happens: [
      [0, seen("running")],
      [5, hello("a")],
      [20, bye],
      [30, fire("reset")],
      [31, reset],
    ],
    world: { writes: (atS) => atS },
    until: 2000,
    told: ["30 open fire: its watchdog fired; action reset", "30 alert fire", "871 close: calm"],
  },
  {
    title: "what began in a mute and is not over when it ends is told then",
    happens: [
      [0, seen("running")],
      [1, mute(100)],
      [10, fire("pause")],
      [10, lifecycle("suspended", "watchdog", guest("paused", "watchdog"))],
    ],
    until: 300,
    told: [
      "10 open fire: its watchdog fired; action pause",
      "40 and watchdog-pause: paused by its watchdog for 30 s",
      "100 alert watchdog-pause",
    ],
  },
  {
    title: "so it is when somebody ends the mute",
    happens: [
      [0, seen("running")],
      [1, mute(1000)],
      [10, lifecycle("suspended", "ioerror", guest("paused", "ioerror"))],
      [20, mute(0)],
      [30, mute(1000)],
    ],
    until: 100,
    told: ["10 open storage-pause: paused by an error of its storage", "20 alert storage-pause"],
  },
  {
    title: "one question that was not answered is no proof of a stuck emulator",
    happens: [
      [0, seen("running")],
      [10, { type: "reading", counters: undefined, host: IDLE, lastLine: "" }],
    ],
    until: 300,
    told: [],
  },
  {
    title: "a guest that is undefined takes its incident along",
    happens: [
      [0, seen("running")],
      [10, fire("none")],
      [20, gone],
      [30, fire("none")],
    ],
    until: 100,
    told: ["10 open fire: its watchdog fired; action none", "10 alert fire", "20 close: gone"],
  },
];

for (const { title, happens, world, until, told } of stories) {
  test(title, () => {
    const all = play(
      happens.map(([atS, input]) => at(atS, input)),
      new Map([[UUID, world ?? {}]]),
      until,
    );
    assert.deepEqual(all.flatMap(inWords), told);
    const signs = all.filter(([, { type }]) => type === "open" || type === "sign").length;
    assert.equal(all.filter(([, { type }]) => type === "evidence").length, signs, "evidence is taken at each sign");
  });
}

const NAMES = ["a", "b", "c", "d"];
const uuidOf = (name: string) => `${name.repeat(8)}-0000-4000-8000-000000000000`;

/** The same happens to four guests. */
const toAll = (happens: readonly (readonly [number, GuestInput])[]): (readonly [number, Input])[] =>
  happens.flatMap(([atS, input]) =>
    NAMES.map((name): readonly [number, Input] => {
      const uuid = uuidOf(name);
      const own = "guest" in input ? { ...input, guest: { ...input.guest, uuid, name } } : input;
      return [atS, { ...own, at: atS * 1000, uuid } as Input];
    }),
  );

const fourGuests = (world: World) => new Map(NAMES.map((name) => [uuidOf(name), world]));

const ofHost = (told: [number, Effect][]): string[] => {
  const ids = new Set(
    told.map(([, effect]) => (effect.type === "open" && effect.incident.uuid === undefined ? effect.incident.id : 0)),
  );
  return told
    .filter(([, effect]) => ids.has(effect.type === "open" ? effect.incident.id : "id" in effect ? effect.id : -1))
    .flatMap(inWords);
};

test("emulators that answer nothing together are one incident of the host, and alert no more for themselves", () => {
  const told = play(
    toAll([
      [0, seen("running")],
      [5, hello("a")],
      [300, beat()],
    ]),
    fourGuests({ answers: (atS) => atS > 200 }),
    320,
  );
  assert.deepEqual(ofHost(told), [
    "60 open storage-down: the storage of 3 guests fails or is stuck",
    "60 alert storage-down",
    "265 close: calm",
  ]);
  const alerts = told.filter(([, effect]) => effect.type === "alert" && effect.sign.sign === "emulator-stuck");
  assert.ok(alerts.length < NAMES.length, `${alerts.length} guests alert for themselves`);
  assert.equal(told.filter(([, effect]) => effect.type === "open").length, NAMES.length + 1, "each has its record");
});

test("guests that are silent together on a starved host are the host's incident, and not theirs", () => {
  const told = play(
    toAll([
      [0, seen("running")],
      [5, hello("a")],
      [300, beat()],
      [301, bye],
    ]),
    fourGuests({ host: () => BUSY }),
    400,
  );
  assert.deepEqual(told.flatMap(inWords), [
    "36 open overload: 4 guests are silent while the host has too much to do",
    "36 alert overload",
    "359 close: calm",
  ]);
});

test("what guests say of themselves is never the host's incident, however many say it", () => {
  const told = play(
    toAll([
      [0, seen("running")],
      [5, hello("a")],
      [20, lastWords()],
    ]),
    fourGuests({}),
    60,
  );
  assert.deepEqual(ofHost(told), []);
  assert.equal(told.filter(([, effect]) => effect.type === "open").length, NAMES.length);
});

test("the same inputs give the same effects to the byte, and inputs are plain JSON", () => {
  for (const { happens, world, until } of stories) {
    const inputs = happens.map(([atS, input]) => at(atS, input));
    const worlds = new Map([[UUID, world ?? {}]]);
    const once = JSON.stringify(play(inputs, worlds, until));
    assert.equal(JSON.stringify(play(JSON.parse(JSON.stringify(inputs)), worlds, until)), once);
  }
});

test("of a guest that nobody has shown yet, nothing is taken", () => {
  const engine = new Engine(DEFAULTS, 1);
  assert.deepEqual(engine.take({ ...fire("reset"), at: 0, uuid: UUID }), []);
  assert.equal(engine.record(UUID), undefined);
});
