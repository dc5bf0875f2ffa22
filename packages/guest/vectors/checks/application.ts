/** Programs that must live, as they are heard and as they fall silent. */
import { HeldCheck } from "../../src/check.ts";
import { application } from "../../src/checks/application.ts";
import { parseConfig, type Settings } from "../../src/config.ts";
import { keys } from "../../src/settings.ts";
import { type Change, ScriptedPlatform } from "../scripted.ts";
import { suite } from "../vector.ts";

interface Story {
  readonly config: string;
  readonly changes: readonly Change[];
  readonly until: number;
  /** Seconds of which no round is seen. */
  readonly gap?: readonly [from: number, to: number];
}

const from = (text: string, { uid = 0, pid = 7 } = {}) => ({ datagrams: [{ uid, pid, text }] });
const beatsAt = (...seconds: readonly number[]): Change[] => seconds.map((at) => ({ at, ...from("WATCHDOG=1") }));
const range = (first: number, last: number, step: number) =>
  Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, n) => first + n * step);

/** What is told, and each change of a verdict with its reason; then the last readings. */
function tell({ config, changes, until, gap = [Infinity, 0] }: Story): unknown {
  const platform = new ScriptedPlatform({ "/proc/7/comm": "worker\n", "/proc/8/comm": "tmux: server\n" });
  const settings = parseConfig(config, "story", keys) as Settings;
  const context = { settings, platform, use: "watch", signs: { disk: 0 } } as const;
  const checks = application.create(context).map((check) => new HeldCheck(check, 6000));
  for (let second = 0; second <= until; second++) {
    platform.advance(second);
    for (const change of changes) if (change.at === second) platform.change(change);
    if (second > gap[0] && second < gap[1]) continue;
    for (const held of checks) {
      if (!held.look(second * 1000)) continue;
      const { name, verdict, reason } = held.report();
      platform.note(reason === "" ? `${name} ${verdict}` : `${name} ${verdict}: ${reason}`);
    }
  }
  return [...platform.heard, ...checks.map((held) => held.report().readings), platform.earlyCalls];
}

const FROZEN = "/run/qga.state.isfrozen";

const worker = "heartbeat = worker 10";
const readings = { stopped: 0, ignored: 0 };
const silence = (seconds: number, limit: number) =>
  `heartbeat:worker failed: worker has not said WATCHDOG=1 for ${seconds} s (limit ${limit} s)`;

export const stories = suite("heartbeat", tell, [
  [
    "beats in time",
    { config: worker, changes: beatsAt(...range(3, 60, 9)), until: 65 },
    [{ beats: 7, silent_s: 8, ...readings }, 0],
  ],
  [
    "silence fails as soon as its time is over, and a beat ends it",
    { config: worker, changes: beatsAt(3, 20), until: 25 },
    [`14: ${silence(11, 10)}`, "20: heartbeat:worker healthy", { beats: 2, silent_s: 5, ...readings }, 0],
  ],
  [
    "a hold time on top of it counts from the end of the limit",
    { config: `${worker}\nheartbeat-hold = 5`, changes: beatsAt(3), until: 18 },
    [
      "14: heartbeat:worker failing: worker has not said WATCHDOG=1 for 11 s (limit 10 s)",
      `18: ${silence(15, 10)}`,
      { beats: 1, silent_s: 15, ...readings },
      0,
    ],
  ],
  [
    "a backup's freeze: whatever writes waits, and has its whole time afterwards",
    {
      config: worker,
      changes: [
        ...beatsAt(3),
        { at: 8, files: { [FROZEN]: "" } },
        { at: 50, files: { [FROZEN]: undefined } },
        ...beatsAt(54),
      ],
      until: 65,
    },
    [`65: ${silence(11, 10)}`, { beats: 2, silent_s: 11, ...readings }, 0],
  ],
  [
    "a mark that a backup has left behind is no excuse for ever",
    { config: `${worker}\nfreeze-limit = 60`, changes: [...beatsAt(3), { at: 8, files: { [FROZEN]: "" } }], until: 80 },
    [`74: ${silence(11, 10)}`, { beats: 1, silent_s: 17, ...readings }, 0],
  ],
  [
    "a program never heard of is named in a warning, once",
    { config: worker, changes: [], until: 900 },
    [
      "300: log: warning: heartbeat:worker: never heard of since start, so it is not watched yet",
      { beats: 0, ...readings },
      0,
    ],
  ],
  [
    "STOPPING=1 ends the watch until the program speaks again",
    {
      config: worker,
      changes: [...beatsAt(3), { at: 5, ...from("STOPPING=1") }, { at: 100, ...from("READY=1") }],
      until: 111,
    },
    [`111: ${silence(11, 10)}`, { beats: 2, silent_s: 11, ...readings }, 0],
  ],
  [
    "a trigger fails at once and calls for an early round, once; only a beat takes it back",
    {
      config: worker,
      changes: [
        { at: 5, ...from("WATCHDOG=trigger") },
        { at: 6, ...from("WATCHDOG=trigger\nSTOPPING=1") },
        ...beatsAt(9),
      ],
      until: 10,
    },
    [
      "5: heartbeat:worker failed: worker asks for the end itself (WATCHDOG=trigger)",
      "9: heartbeat:worker healthy",
      { beats: 1, silent_s: 1, ...readings },
      1,
    ],
  ],
  [
    "other users and other programs are ignored and counted",
    {
      config: worker,
      changes: [
        ...beatsAt(1),
        { at: 2, ...from("WATCHDOG=trigger", { uid: 1000 }) },
        { at: 3, ...from("WATCHDOG=trigger", { pid: 8 }) },
        { at: 4, ...from("WATCHDOG=trigger", { pid: 99 }) },
        { at: 5, ...from("X_BERNARD_NAME=other\nWATCHDOG=trigger") },
        { at: 6, ...from("", { uid: -1, pid: 0 }) },
        { at: 7, ...from("WATCHDOG=trigger", { pid: 0 }) },
      ],
      until: 7,
    },
    [{ beats: 1, silent_s: 6, ...readings, ignored: 6 }, 0],
  ],
  [
    "the last words of a program that is gone are still its own",
    {
      config: worker,
      changes: [...beatsAt(1), { at: 2, files: { "/proc/7/comm": undefined }, ...from("STOPPING=1") }],
      until: 30,
    },
    [{ beats: 1, silent_s: 29, ...readings, stopped: 1 }, 0],
  ],
  [
    "a helper speaks for the program that it names",
    {
      config: "heartbeat = backup 10",
      changes: [{ at: 1, ...from("X_BERNARD_NAME=backup\nWATCHDOG=1", { pid: 99 }) }],
      until: 5,
    },
    [{ beats: 1, silent_s: 4, ...readings }, 0],
  ],
  [
    "a name with a space, a user of its own",
    {
      config: "heartbeat = tmux: server 10 uid=1000",
      changes: [{ at: 1, ...from("WATCHDOG=1", { uid: 1000, pid: 8 }) }],
      until: 12,
    },
    [
      "12: heartbeat:1000/tmux: server failed: tmux: server has not said WATCHDOG=1 for 11 s (limit 10 s)",
      { beats: 1, silent_s: 11, ...readings },
      0,
    ],
  ],
  [
    "a time of its own shortens the limit, to a second at least",
    { config: worker, changes: [{ at: 1, ...from("WATCHDOG_USEC=1000\nWATCHDOG=1") }], until: 3 },
    [`3: ${silence(2, 1)}`, { beats: 1, silent_s: 2, ...readings }, 0],
  ],
  [
    "and lengthens it, to ten times at most",
    { config: worker, changes: [{ at: 1, ...from("WATCHDOG_USEC=3600000000\nWATCHDOG=1") }], until: 102 },
    [`102: ${silence(101, 100)}`, { beats: 1, silent_s: 101, ...readings }, 0],
  ],
  [
    "silence in a time that nobody saw is no silence",
    { config: worker, changes: beatsAt(3), until: 62, gap: [5, 60] },
    [{ beats: 1, silent_s: 4, ...readings }, 0],
  ],
  [
    "silence while the socket was gone is no silence; what is sent to the new one counts",
    { config: worker, changes: [...beatsAt(3), { at: 4, socketsGone: true }, ...beatsAt(8, 16)], until: 27 },
    [
      "14: log: warning: the socket for heartbeats was gone and is made anew; their time starts afresh",
      `27: ${silence(11, 10)}`,
      { beats: 2, silent_s: 11, ...readings },
      0,
    ],
  ],
  [
    "nor while it cannot be made",
    {
      config: worker,
      changes: [...beatsAt(3), { at: 5, socketProblem: "no space" }, ...beatsAt(7), { at: 40, socketProblem: "" }],
      until: 52,
    },
    [
      "5: log: warning: no heartbeats are heard: no space",
      `50: ${silence(11, 10)}`,
      { beats: 1, silent_s: 13, ...readings },
      0,
    ],
  ],
]);

export const settings = suite(
  "heartbeat, the setting",
  (text: string) => {
    const parsed = parseConfig(`heartbeat = ${text}`, "f", keys);
    return "problems" in parsed ? parsed.problems.map((problem) => problem.slice(0, problem.indexOf(","))) : "accepted";
  },
  [
    ["a name and a time", "nginx 30", "accepted"],
    ["the longest name", "0123456789abcde 30", "accepted"],
    ["a user", "app 1 uid=4294967294", "accepted"],
    [
      "a longer name",
      "0123456789abcdef 30",
      ["f:1: heartbeat: '0123456789abcdef 30' is not NAME SECONDS or NAME SECONDS uid=UID"],
    ],
    ["no time", "nginx", ["f:1: heartbeat: 'nginx' is not NAME SECONDS or NAME SECONDS uid=UID"]],
    ["no name", "30", ["f:1: heartbeat: '30' is not NAME SECONDS or NAME SECONDS uid=UID"]],
    ["no time to live", "nginx 0", ["f:1: heartbeat: 'nginx 0' is not NAME SECONDS or NAME SECONDS uid=UID"]],
    ["a fraction", "nginx 0.5", ["f:1: heartbeat: 'nginx 0.5' is not NAME SECONDS or NAME SECONDS uid=UID"]],
    [
      "a user by name",
      "app 1 uid=www",
      ["f:1: heartbeat: 'app 1 uid=www' is not NAME SECONDS or NAME SECONDS uid=UID"],
    ],
    [
      "nobody (uid -1)",
      "app 1 uid=4294967295",
      ["f:1: heartbeat: 'app 1 uid=4294967295' is not NAME SECONDS or NAME SECONDS uid=UID"],
    ],
  ],
);
