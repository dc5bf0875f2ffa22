/** Memory: how much is available, what it stalls, and what can be had. */
import { allocation } from "../../src/checks/allocation.ts";
import { memory } from "../../src/checks/memory.ts";
import { KILLED, TIMED_OUT, UNBORN } from "../../src/platform.ts";
import { suite } from "../vector.ts";
import { tellReadings } from "./tell.ts";

const MEM = "/proc/meminfo";
const PSI = "/proc/pressure/memory";

const meminfo = (total: number, available: number, rest = "") =>
  `MemTotal: ${total} kB\nMemFree: 100 kB\nMemAvailable: ${available} kB\nBuffers: 10 kB\nCached: 20 kB\n${rest}`;
const pressure = (average: number, stalledMs = 0) =>
  `some avg10=90.00 avg60=0.00 avg300=0.00 total=9\nfull avg10=${average} avg60=0.00 avg300=0.00 total=${stalledMs * 1000}\n`;

const again = (faults: number, files: number) => ({
  "/proc/vmstat": `pgfault 9\npgmajfault ${faults}\nworkingset_refault_file 9\nworkingset_activate_file ${files}\n`,
});

const healthy = { [MEM]: meminfo(100_000, 50_000), [PSI]: pressure(0) };

export const exhausted = suite("memory", tellReadings(memory), [
  [
    "a stall is seen before the average knows of it, but does not end the guest by itself",
    {
      files: healthy,
      config: "memory-hold = 3",
      changes: [
        { at: 2, files: { [MEM]: meminfo(100_000, 2000), [PSI]: pressure(0, 0) } },
        { at: 3, files: { [PSI]: pressure(9, 900) } },
        { at: 4, files: { [PSI]: pressure(17, 1800) } },
        { at: 5, files: { [PSI]: pressure(24, 2700) } },
        { at: 6, files: { [PSI]: pressure(31, 3600) } },
        { at: 7, files: { [PSI]: pressure(37, 4500) } },
        { at: 8, files: { [PSI]: pressure(42, 5400) } },
      ],
      until: 8,
    },
    {
      heard: [
        "3: memory failing: 2 % of memory available (limit 3 %), stalled 90 % of the time (limit 40 %)",
        "8: memory failed, reboot: 2 % of memory available (limit 3 %), stalled 90 % of the time (limit 40 %)",
      ],
      readings: { available_kib: 2000, available_percent: 2, full_avg10_percent: 42, full_percent: 90 },
    },
  ],
  [
    "a short stall is over as soon as it is over",
    {
      files: healthy,
      changes: [
        { at: 0, files: { [MEM]: meminfo(100_000, 2000) } },
        { at: 3, files: { [PSI]: pressure(5, 500) } },
      ],
      until: 5,
    },
    {
      heard: [
        "3: memory failing: 2 % of memory available (limit 3 %), stalled 50 % of the time (limit 40 %)",
        "4: memory healthy",
      ],
      readings: { available_kib: 2000, available_percent: 2, full_avg10_percent: 5, full_percent: 0 },
    },
  ],
  [
    "two looks close together measure nothing: a quarter of a second with a stall in it is noise",
    {
      files: healthy,
      changes: [
        { at: 0, files: { [MEM]: meminfo(100_000, 2000) } },
        { at: 3.25, files: { [PSI]: pressure(0, 200) } },
      ],
      early: [3.25],
      until: 4,
    },
    { heard: [], readings: { available_kib: 2000, available_percent: 2, full_avg10_percent: 0, full_percent: 20 } },
  ],
  [
    "in a huge guest a few percent are plenty",
    {
      files: { [MEM]: meminfo(1_000_000_000, 2_000_000), [PSI]: pressure(90) },
      changes: [{ at: 2, files: { [MEM]: meminfo(1_000_000_000, 1_000_000) } }],
      until: 3,
    },
    {
      heard: ["2: memory failing: 0.1 % of memory available (limit 0.1 %), stalled 90 % of the time (limit 40 %)"],
      readings: { available_kib: 1_000_000, available_percent: 0.1, full_avg10_percent: 90, full_percent: 0 },
    },
  ],
  [
    "huge pages are set aside: what counts is the rest",
    {
      files: {
        [MEM]: meminfo(1_000_000, 10_000, "HugePages_Total: 400\nHugepagesize: 2048 kB\n"),
        [PSI]: pressure(90),
      },
      until: 2,
    },
    {
      heard: [],
      readings: { available_kib: 10_000, available_percent: 5.5, full_avg10_percent: 90, full_percent: 0 },
    },
  ],
  [
    "without PSI, a guest that a database fills by design, and where no page is needed again, is well",
    { files: { [MEM]: meminfo(100_000, 2000), ...again(90_000, 4000) }, until: 40 },
    { heard: [], readings: { available_kib: 2000, available_percent: 2, needed_again_per_s: 0 } },
  ],
  [
    "without PSI, one where pages are needed again all the time is not; half as many keep it so",
    {
      files: { [MEM]: meminfo(100_000, 2000), ...again(90_000, 4000) },
      config: "memory-hold = 5",
      changes: [
        { at: 10, files: again(90_300, 4050) },
        { at: 11, files: again(90_300, 4050) },
        ...Array.from({ length: 6 }, (_, index) => ({ at: 12 + index, files: again(90_320 + 12 * index, 4050) })),
      ],
      until: 17,
    },
    {
      heard: [
        "10: memory failing: 2 % of memory available (limit 3 %), swap used up, 350 pages a second needed again",
        "11: memory healthy",
        "12: memory failing: 2 % of memory available (limit 3 %), swap used up, 20 pages a second needed again",
        "17: memory failed, reboot: 2 % of memory available (limit 3 %), swap used up, 12 pages a second needed again",
      ],
      readings: { available_kib: 2000, available_percent: 2, needed_again_per_s: 12 },
    },
  ],
  [
    "garbage is no verdict, and no reading",
    { files: { [MEM]: "MemTotal: x kB\nMemAvailable: -5 kB\n", [PSI]: "full avg10=nan\n" }, until: 2 },
    { heard: [], readings: {} },
  ],
  [
    "watchdog(8)'s min-memory lasts for retry-timeout; what is available counts, not what the page cache holds",
    {
      files: healthy,
      config: "min-available = 0\nmin-memory = 10000\nretry-timeout = 4",
      changes: [
        { at: 2, files: { [MEM]: meminfo(100_000, 39_999) } },
        { at: 4, files: { [MEM]: meminfo(100_000, 40_000) } },
        { at: 5, files: { [MEM]: meminfo(100_000, 30_000) } },
      ],
      until: 10,
    },
    {
      heard: [
        "2: min-memory failing: 39999 KiB of memory available (min-memory: 40000 KiB)",
        "4: min-memory healthy",
        "5: min-memory failing: 30000 KiB of memory available (min-memory: 40000 KiB)",
        "9: min-memory failed, reboot: 30000 KiB of memory available (min-memory: 40000 KiB)",
      ],
      readings: { available_kib: 30_000 },
    },
  ],
  [
    "a kernel that does not say what is available: as watchdog(8) counts",
    {
      files: { [MEM]: "MemTotal: 100000 kB\nMemFree: 100 kB\nBuffers: 10 kB\nSwapCached: 5 kB\nCached: 20 kB\n" },
      config: "min-available = 0\nmin-memory = 40",
      until: 1,
    },
    {
      heard: ["0: min-memory failing: 130 KiB of memory available (min-memory: 160 KiB)"],
      readings: { available_kib: 130 },
    },
  ],
]);

export const allocatable = suite("allocatable-memory", tellReadings(allocation), [
  ["off if not asked for", { files: {}, until: 2 }, { heard: [] }],
  [
    "refused, then killed, then too slow: one trouble, for retry-timeout; had at last, it is over",
    {
      files: {},
      config: "allocatable-memory = 1000\nretry-timeout = 20",
      changes: [
        { at: 30, jobs: { "allocate 4000": { status: 12, output: "" } } },
        { at: 65, jobs: { "allocate 4000": { status: KILLED, output: "9" } } },
        { at: 75, jobs: { "allocate 4000": { status: TIMED_OUT, output: "" } } },
        { at: 85, jobs: { "allocate 4000": { status: 0, output: "" } } },
      ],
      until: 100,
    },
    {
      heard: [
        "62: allocatable-memory failing: an attempt to take 4000 KiB of memory was refused",
        "85: allocatable-memory failed, reboot: an attempt to take 4000 KiB of memory was not over in 30 s",
        "86: allocatable-memory healthy",
      ],
      readings: { allocatable: 1 },
    },
  ],
  [
    "what could not be had once since start only alarms: more than there ever is would be a loop of resets",
    {
      files: {},
      config: "allocatable-memory = 1000\nretry-timeout = 20",
      changes: [{ at: 0, jobs: { "allocate 4000": { status: 12, output: "" } } }],
      until: 30,
    },
    {
      heard: [
        "1: allocatable-memory failing: an attempt to take 4000 KiB of memory was refused; not had once since start",
        "24: allocatable-memory failed, alarm: an attempt to take 4000 KiB of memory was refused; not had once since start",
      ],
      readings: { allocatable: 0 },
    },
  ],
  [
    "an attempt that could not be made for want of memory was refused; for another reason, it was none",
    {
      files: {},
      config: "allocatable-memory = 1",
      changes: [
        { at: 0, jobs: { "allocate 4": { status: UNBORN, output: "11" } } },
        { at: 30, jobs: { "allocate 4": { status: UNBORN, output: "12" } } },
      ],
      until: 62,
    },
    {
      heard: [
        "62: allocatable-memory failing: an attempt to take 4 KiB of memory was refused; not had once since start",
      ],
      readings: { allocatable: 0 },
    },
  ],
]);
