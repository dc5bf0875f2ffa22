/** What follows a failed check: which end, and what keeps it from being carried out. */
import type { Change } from "./scripted.ts";
import { ERRORS, MEM, meminfo, memoryReason, PSI, pressure, tell, well } from "./story.ts";
import { suite } from "./vector.ts";

const RECORD = "load /data/state/record.json";
const DAY = 86_400;

/** Scripted time begins here, in seconds since 1970. */
const START = 1_000_000_000;

const short = (at: number): Change => ({ at, files: { [MEM]: meminfo(2000), [PSI]: pressure(60) } });
const eased = (at: number): Change => ({ at, files: { [MEM]: meminfo(50000), [PSI]: pressure(0) } });

/** A record as the boot before left it, this many seconds ago. */
const recordOf = (fields: object): Change => ({
  at: 0,
  jobs: { [RECORD]: { status: 0, output: JSON.stringify({ machine: "machine", boot: "before", ...fields }) } },
});
const bites = (...ago: number[]) => recordOf({ bites: ago.map((seconds) => START - seconds) });

const failing = "3: memory failing, disk:/data healthy";
const failed = (at: number) => `${at}: memory failed, disk:/data healthy`;
const healthy = (at: number) => `${at}: memory healthy, disk:/data healthy`;
const lastWords = (end: string) => [
  `8: last words: memory: ${memoryReason}; ${end}`,
  `8: to disk: 8 s after boot: memory failed: ${memoryReason}`,
];
const starved = [...lastWords("starve"), "8: timeout 1 s asked", failed(8), "12: bye"];
const spared = (at: number, why: string, end = "starve") =>
  `${at}: log: would end this guest by ${end}, but ${why}: memory failed: ${memoryReason}`;

export const ends = suite("ends", tell, [
  [
    "an orderly end has the device tick behind it",
    { end: "reboot", changes: [short(3)], until: 10 },
    {
      heard: [
        "0: hello",
        well,
        failing,
        ...lastWords("reboot"),
        "8: timeout 30 s asked",
        "8: guest ends by reboot",
        failed(8),
        "10: bye",
      ],
      feeds: 9,
    },
  ],
  [
    "an alarm only tells",
    { end: "alarm", changes: [short(3), eased(12)], until: 14 },
    { heard: ["0: hello", well, failing, failed(8), healthy(12), "14: disarmed", "14: bye"], feeds: 15 },
  ],
  [
    "observe feeds on and keeps what would have been",
    { mode: "observe", changes: [short(3)], until: 12 },
    {
      heard: ["0: hello", well, failing, spared(8, "mode is observe"), failed(8), "12: disarmed", "12: bye"],
      feeds: 13,
    },
  ],
  [
    "announce tells the host too",
    { mode: "announce", changes: [short(3)], until: 12 },
    {
      heard: [
        "0: hello",
        well,
        failing,
        spared(8, "mode is announce"),
        `8: last words: memory: ${memoryReason}; would starve`,
        failed(8),
        "12: disarmed",
        "12: bye",
      ],
      feeds: 13,
    },
  ],
  [
    "nothing is ended in the grace after boot; what still fails after it is",
    { grace: 15, changes: [short(3)], until: 16 },
    {
      heard: [
        "0: hello",
        well,
        failing,
        failed(8),
        `15: last words: memory: ${memoryReason}; starve`,
        `15: to disk: 15 s after boot: memory failed: ${memoryReason}`,
        "15: timeout 1 s asked",
        "16: bye",
      ],
      feeds: 15,
    },
  ],
  [
    "a mute holds an end back, and its end lets it come",
    { muted: 5, changes: [short(3)], until: 16 },
    {
      heard: [
        "0: hello",
        well,
        failing,
        "5: log: muted for 10 s: nothing is ended",
        spared(8, "muted"),
        `8: last words: memory: ${memoryReason}; would starve`,
        failed(8),
        `15: last words: memory: ${memoryReason}; starve`,
        `15: to disk: 15 s after boot: memory failed: ${memoryReason}`,
        "15: timeout 1 s asked",
        "16: bye",
      ],
      feeds: 15,
    },
  ],
]);

export const budget = suite("bite budget", tell, [
  [
    "two ends within the window leave one",
    { changes: [bites(3 * 3600, 3600), short(3)], until: 12 },
    { heard: ["0: hello", well, failing, ...starved], feeds: 8 },
  ],
  [
    "three spend it: the guest is fed on, and each minute its log says why",
    { changes: [bites(5 * 3600, 3 * 3600, 3600), short(3)], until: 70 },
    {
      heard: [
        "0: hello",
        well,
        failing,
        spared(8, "the bite budget is spent"),
        `8: last words: memory: ${memoryReason}; would starve`,
        failed(8),
        spared(68, "the bite budget is spent"),
        "70: disarmed",
        "70: bye",
      ],
      feeds: 71,
    },
  ],
  [
    "the end of the boot before is counted at start",
    { firedBefore: true, changes: [bites(3 * 3600, 3600), short(3)], until: 10 },
    {
      heard: [
        "0: hello",
        well,
        failing,
        spared(8, "the bite budget is spent"),
        `8: last words: memory: ${memoryReason}; would starve`,
        failed(8),
        "10: disarmed",
        "10: bye",
      ],
      feeds: 11,
    },
  ],
  [
    "a device that cannot say has fired when the boot before left it armed",
    { noBootStatus: true, changes: [recordOf({ armed: true, bites: [START - 9, START - 5] }), short(3)], until: 9 },
    {
      heard: [
        "0: hello",
        well,
        failing,
        spared(8, "the bite budget is spent"),
        `8: last words: memory: ${memoryReason}; would starve`,
        failed(8),
        "9: disarmed",
        "9: bye",
      ],
      feeds: 10,
    },
  ],
  [
    "ends before the window are forgotten",
    { changes: [bites(3 * DAY, 2 * DAY, DAY + 1), short(3)], until: 12 },
    { heard: ["0: hello", well, failing, ...starved], feeds: 8 },
  ],
  ...[1, -1].map(
    (years) =>
      [
        `a clock set by ${years} year forgets none`,
        { changes: [bites(3, 2, 1), { at: 5, clock: years * 365 * DAY }, short(6)], until: 15 },
        {
          heard: [
            "0: hello",
            well,
            "6: memory failing, disk:/data healthy",
            spared(11, "the bite budget is spent"),
            `11: last words: memory: ${memoryReason}; would starve`,
            failed(11),
            "15: disarmed",
            "15: bye",
          ],
          feeds: 16,
        },
      ] as const,
  ),
  [
    "another machine's record (a template's) is no budget of ours",
    {
      changes: [recordOf({ machine: "template", bites: [START - 9, START - 8, START - 7] }), short(3)],
      until: 12,
    },
    { heard: ["0: hello", well, failing, ...starved], feeds: 8 },
  ],
  [
    "a record that is none is written anew",
    { changes: [{ at: 0, jobs: { [RECORD]: { status: 0, output: '{"machine":' } } }, short(3)], until: 12 },
    { heard: ["0: hello", well, failing, ...starved], feeds: 8 },
  ],
]);

const run = "exec log/usr/sbin/fix /usr/sbin/fix 12 memory";

export const brake = suite("without a record", tell, [
  [
    "that could be read, nothing is written over it, and a disk is no reason to end",
    {
      changes: [
        { at: 0, jobs: { [RECORD]: { status: 5, output: "" } } },
        { at: 3, probe: { step: "create", errno: 30 }, files: { [ERRORS]: "9\n" } },
      ],
      until: 20,
    },
    {
      heard: [
        "0: hello",
        well,
        "4: memory healthy, disk:/data failing",
        "5: memory healthy, disk:/data failed",
        "20: disarmed",
        "20: bye",
      ],
      feeds: 21,
    },
  ],
]);

export const devices = suite("a device", tell, [
  [
    "that comes late is armed, and what failed before it came ends the guest",
    { noDevice: true, deviceComes: 12, changes: [short(3)], until: 14 },
    {
      heard: [
        "0: hello",
        well,
        failing,
        spared(8, "mode is observe"),
        failed(8),
        "12: hello",
        `12: last words: memory: ${memoryReason}; starve`,
        `12: to disk: 12 s after boot: memory failed: ${memoryReason}`,
        "12: timeout 1 s asked",
        "14: bye",
      ],
      feeds: 0,
    },
  ],
  [
    "with a pretimeout is given the time for it",
    { pretimeout: 4, changes: [short(3)], until: 9 },
    {
      heard: ["0: hello", well, failing, ...lastWords("starve"), "8: timeout 5 s asked", failed(8), "9: bye"],
      feeds: 8,
    },
  ],
]);

export const repairs = suite("repairs", tell, [
  [
    "a repair that helps is all that happens",
    { end: "reboot", repair: "/usr/sbin/fix", changes: [short(3), eased(9)], until: 14 },
    {
      heard: [
        "0: hello",
        well,
        failing,
        "8: runs /usr/sbin/fix 12 memory",
        failed(8),
        healthy(9),
        "14: disarmed",
        "14: bye",
      ],
      feeds: 15,
    },
  ],
  [
    "one that only says so gets its hold time anew, once",
    { end: "reboot", repair: "/usr/sbin/fix", changes: [short(3)], until: 15 },
    {
      heard: [
        "0: hello",
        well,
        failing,
        "8: runs /usr/sbin/fix 12 memory",
        failed(8),
        "9: log: repair of memory: done, says its program",
        `14: last words: memory: ${memoryReason}; reboot`,
        `14: to disk: 14 s after boot: memory failed: ${memoryReason}`,
        "14: timeout 30 s asked",
        "14: guest ends by reboot",
        "15: bye",
      ],
      feeds: 15,
    },
  ],
  [
    "one that refuses is followed by the end",
    {
      end: "reboot",
      repair: "/usr/sbin/fix",
      changes: [{ at: 0, jobs: { [run]: { status: 12, output: "" } } }, short(3)],
      until: 10,
    },
    {
      heard: [
        "0: hello",
        well,
        failing,
        "8: runs /usr/sbin/fix 12 memory",
        failed(8),
        "9: log: repair of memory: refused, exit code 12",
        `9: last words: memory: ${memoryReason}; reboot`,
        `9: to disk: 9 s after boot: memory failed: ${memoryReason}`,
        "9: timeout 30 s asked",
        "9: guest ends by reboot",
        "10: bye",
      ],
      feeds: 10,
    },
  ],
  [
    "one that hangs is fed through until its deadline",
    { end: "reboot", repair: "/usr/sbin/fix", changes: [{ at: 0, jobs: { [run]: "hang" } }, short(3)], until: 70 },
    {
      heard: [
        "0: hello",
        well,
        failing,
        "8: runs /usr/sbin/fix 12 memory",
        failed(8),
        "69: log: repair of memory: its program did not end by itself",
        `69: last words: memory: ${memoryReason}; reboot`,
        `69: to disk: 69 s after boot: memory failed: ${memoryReason}`,
        "69: timeout 30 s asked",
        "69: guest ends by reboot",
        "70: bye",
      ],
      feeds: 70,
    },
  ],
  [
    "nobody repairs before feeding ends for a dead disk: a script would hang on it",
    { repair: "/usr/sbin/fix", changes: [short(3)], until: 12 },
    { heard: ["0: hello", well, failing, ...starved], feeds: 8 },
  ],
]);

export const farewells = suite("farewells", tell, [
  [
    "at a shutdown the device is left ticking, with time enough",
    { changes: [], until: 3, farewell: "hand over" },
    {
      heard: [
        "0: hello",
        well,
        "3: timeout 90 s asked",
        "3: timeout 600 s asked",
        "3: bye",
        "3: log: the guest shuts down; the watchdog fires in 600 s unless somebody else feeds it",
      ],
      feeds: 5,
    },
  ],
  [
    "one that cannot wait that long is stopped",
    { changes: [], until: 3, longest: 30, farewell: "hand over" },
    { heard: ["0: hello", well, "3: timeout 90 s asked", "3: timeout 600 s asked", "3: disarmed", "3: bye"], feeds: 4 },
  ],
]);
