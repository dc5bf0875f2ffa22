/** Processors: load averages, how late an ordinary process runs, and the host that takes them away. */
import { lateness } from "../../src/checks/lateness.ts";
import { load } from "../../src/checks/load.ts";
import { KILLED, UNBORN } from "../../src/platform.ts";
import { suite } from "../vector.ts";
import { tellReadings } from "./tell.ts";

const LOAD = "/proc/loadavg";
const STAT = "/proc/stat";

const averages = (...loads: readonly number[]) => ({ [LOAD]: `${loads.join(" ")} 3/80 4711\n` });
/** Ticks since boot. */
const ticks = (busy: number, stolen: number) => ({ [STAT]: `cpu  ${busy} 0 50 100 7 0 3 ${stolen} 4 0\ncpu0 1 2 3\n` });

const stealing = (share: number) =>
  Array.from({ length: 60 }, (_, second) => ({ at: second, files: ticks(second * (100 - share), second * share) }));

export const loads = suite("load", tellReadings(load), [
  ["off if not asked for", { files: averages(99, 99, 99), until: 5 }, { heard: [] }],
  [
    "over max-load-1 for retry-timeout; the limits over 5 and 15 min follow from it",
    {
      files: averages(24.99, 18.99, 12.99),
      config: "max-load-1 = 24\nretry-timeout = 10",
      changes: [{ at: 10, files: averages(25, 18, 12) }],
      until: 20,
    },
    {
      heard: [
        "10: load failing: load average 25 over 1 min (limit 24)",
        "20: load failed, reboot: load average 25 over 1 min (limit 24)",
      ],
      readings: { load_1: 25, load_5: 18, load_15: 12 },
    },
  ],
  [
    "the derived limit over 5 min",
    { files: averages(1, 19, 1), config: "max-load-1 = 24", until: 5 },
    {
      heard: ["0: load failing: load average 19 over 5 min (limit 18)"],
      readings: { load_1: 1, load_5: 19, load_15: 1 },
    },
  ],
  [
    "a limit over 15 min alone",
    { files: averages(99, 99, 8), config: "max-load-15 = 7", until: 5 },
    {
      heard: ["0: load failing: load average 8 over 15 min (limit 7)"],
      readings: { load_1: 99, load_5: 99, load_15: 8 },
    },
  ],
  [
    "a starved host is not the guest's fault",
    { files: averages(99, 99, 99), config: "max-load-1 = 24", changes: stealing(30), until: 30 },
    {
      heard: ["0: load failing: load average 99 over 1 min (limit 24)", "5: load healthy"],
      readings: { load_1: 99, load_5: 99, load_15: 99, steal_percent: 30 },
    },
  ],
  [
    "a little steal is every cloud's",
    { files: averages(99, 99, 99), config: "max-load-1 = 24", changes: stealing(10), until: 30 },
    {
      heard: ["0: load failing: load average 99 over 1 min (limit 24)"],
      readings: { load_1: 99, load_5: 99, load_15: 99, steal_percent: 10 },
    },
  ],
  ["garbage is no load", { files: { [LOAD]: "x" }, config: "max-load-1 = 1", until: 5 }, { heard: [], readings: {} }],
]);

/** A job that ran at this second. */
const ranAt = (second: number) => ({ jobs: { tick: { status: 0, output: String(second * 1000) } } });
const waits = { jobs: { tick: "hang" as const } };
const waiting = (seconds: number) => `a new process waits ${seconds} s for a processor (limit 30 s)`;

export const late = suite("lateness", tellReadings(lateness), [
  [
    "a process that does not get to run fails once it waits for longer than the limit, and for its hold time",
    {
      files: {},
      config: "lateness-hold = 20",
      changes: [
        { at: 0, ...ranAt(0.002) },
        { at: 10, ...waits },
      ],
      until: 61,
    },
    {
      heard: [`41: lateness failing: ${waiting(30)}`, `61: lateness failed, reboot: ${waiting(50)}`],
      readings: { lateness_s: 50 },
    },
  ],
  [
    "one that ran at last says how late it was; the next one ends the trouble",
    {
      files: {},
      changes: [
        { at: 0, ...waits },
        { at: 40, ...ranAt(39.5) },
        { at: 41, ...ranAt(41.01) },
      ],
      until: 44,
    },
    {
      heard: [`30: lateness failing: ${waiting(30)}`, "42: lateness healthy"],
      readings: { lateness_s: 0.01 },
    },
  ],
  [
    "what was late once is not late for ever where no process can be tried any more",
    {
      files: {},
      changes: [
        { at: 0, ...waits },
        { at: 40, ...ranAt(39.5) },
        { at: 41, jobs: { tick: { status: UNBORN, output: "11" } } },
      ],
      until: 130,
    },
    { heard: [`30: lateness failing: ${waiting(30)}`, "42: lateness healthy"], readings: { lateness_s: 0 } },
  ],
  [
    "a starved host is not the guest's fault",
    { files: {}, changes: [...stealing(60), { at: 0, ...waits }], until: 59 },
    { heard: [], readings: { lateness_s: 59, steal_percent: 60 } },
  ],
  [
    "nor is a CPU quota of our own service, or of a slice above it",
    {
      files: {
        "/proc/self/cgroup": "0::/system.slice/bernard-guest.service\n",
        "/sys/fs/cgroup/system.slice/cpu.max": "5000 100000\n",
        "/sys/fs/cgroup/system.slice/bernard-guest.service/cpu.max": "max 100000\n",
      },
      changes: [{ at: 0, ...waits }],
      until: 40,
    },
    { heard: [], readings: { lateness_s: 40 } },
  ],
  [
    "no quota is no excuse",
    {
      files: {
        "/proc/self/cgroup": "1:name=systemd:/x\n0::/a/b\n",
        "/sys/fs/cgroup/a/cpu.max": "max 100000\n",
        "/sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
        "/proc/pressure/cpu": "some avg10=99.50 avg60=1 avg300=1 total=1\n",
      },
      changes: [{ at: 0, ...waits }],
      until: 31,
    },
    { heard: [`30: lateness failing: ${waiting(30)}`], readings: { lateness_s: 31, some_avg10_percent: 99.5 } },
  ],
  [
    "one that was killed, or never born, says nothing of processors",
    {
      files: {},
      changes: [
        { at: 0, jobs: { tick: { status: KILLED, output: "9" } } },
        { at: 20, jobs: { tick: { status: UNBORN, output: "11" } } },
      ],
      until: 60,
    },
    { heard: [], readings: { lateness_s: 0 } },
  ],
]);
