/** Swap in use, and thrashing. */
import { swap } from "../../src/checks/swap.ts";
import { thrash } from "../../src/checks/thrash.ts";
import { suite } from "../vector.ts";
import { tellReadings } from "./tell.ts";

const MEM = "/proc/meminfo";
const PSI = "/proc/pressure/memory";
const VMSTAT = "/proc/vmstat";

const swapInfo = (free: number) => `MemTotal: 100000 kB\nSwapTotal: 50000 kB\nSwapFree: ${free} kB\n`;

export const used = suite("swap", tellReadings(swap), [
  ["off if not asked for", { files: { [MEM]: swapInfo(0) }, until: 2 }, { heard: [] }],
  [
    "more than max-swap pages in use for retry-timeout",
    {
      files: { [MEM]: swapInfo(10_000) },
      config: "max-swap = 10000\nretry-timeout = 3",
      changes: [{ at: 2, files: { [MEM]: swapInfo(9999) } }],
      until: 6,
    },
    {
      heard: [
        "2: swap failing: 40001 KiB of swap in use (max-swap: 40000 KiB)",
        "5: swap failed, reboot: 40001 KiB of swap in use (max-swap: 40000 KiB)",
      ],
      readings: { swap_used_kib: 40_001 },
    },
  ],
  [
    "a guest without swap uses none",
    { files: { [MEM]: "SwapTotal: 0 kB\nSwapFree: 0 kB\n" }, config: "max-swap = 1", until: 1 },
    { heard: [], readings: { swap_used_kib: 0 } },
  ],
]);

const available = (percent: number) => `MemTotal: 100000 kB\nMemAvailable: ${percent * 1000} kB\n`;
const stalled = (avg60: number) => `some avg10=9 avg60=9 total=1\nfull avg10=1.00 avg60=${avg60} avg300=0.00 total=1\n`;
const refaults = (anon: number, file: number) =>
  `nr_free_pages 1\nworkingset_refault_anon ${anon}\nworkingset_refault_file ${file}\noom_kill 0\n`;

/** From 10 s on, 100 pages a second come back. */
const comingBack = Array.from({ length: 30 }, (_, index) => ({
  at: 10 + index,
  files: { [VMSTAT]: refaults(500 + index * 60, 700 + index * 40) },
}));
const thrashing = { [MEM]: available(5), [PSI]: stalled(75), [VMSTAT]: refaults(500, 700) };
const reason =
  "thrashing: stalled 75 % of the last minute (limit 60 %), 100 pages a second needed again, 5 % of memory available";

export const thrashes = suite("thrash", tellReadings(thrash), [
  [
    "stalled for most of the time, pages come back, little is available: for its hold time",
    { files: thrashing, config: "thrash-hold = 10", changes: comingBack, until: 26 },
    {
      heard: [`15: thrash failing: ${reason}`, `25: thrash failed, reboot: ${reason}`],
      readings: { full_avg60_percent: 75, refaults_per_s: 100 },
    },
  ],
  [
    "a container held back by its own limit: nothing comes back",
    { files: thrashing, until: 30 },
    { heard: [], readings: { full_avg60_percent: 75, refaults_per_s: 0 } },
  ],
  [
    "a backup reads much again, with memory left",
    { files: { ...thrashing, [MEM]: available(40) }, changes: comingBack, until: 30 },
    { heard: [], readings: { full_avg60_percent: 75, refaults_per_s: 100 } },
  ],
  [
    "nor is memory short where most of it is huge pages",
    {
      files: {
        ...thrashing,
        [MEM]: "MemTotal: 1000000 kB\nMemAvailable: 50000 kB\nHugePages_Total: 400\nHugepagesize: 2048 kB\n",
      },
      changes: comingBack,
      until: 30,
    },
    { heard: [], readings: { full_avg60_percent: 75, refaults_per_s: 100 } },
  ],
  [
    "swapping that stalls little is what swap is for",
    { files: { ...thrashing, [PSI]: stalled(30) }, changes: comingBack, until: 30 },
    { heard: [], readings: { full_avg60_percent: 30, refaults_per_s: 100 } },
  ],
  [
    "a stall that wavers keeps its hold time",
    {
      files: thrashing,
      config: "thrash-hold = 10",
      changes: [...comingBack, { at: 17, files: { [PSI]: stalled(35) } }],
      until: 26,
    },
    {
      heard: [`15: thrash failing: ${reason}`, `25: thrash failed, reboot: ${reason.replace("75", "35")}`],
      readings: { full_avg60_percent: 35, refaults_per_s: 100 },
    },
  ],
  ["without PSI nothing is said", { files: { [MEM]: available(1) }, until: 10 }, { heard: [], readings: {} }],
  [
    "an older kernel counts in one line",
    {
      files: { ...thrashing, [VMSTAT]: "workingset_refault 10\n" },
      changes: [{ at: 5, files: { [VMSTAT]: "workingset_refault 510\n" } }],
      until: 5,
    },
    { heard: [`5: thrash failing: ${reason}`], readings: { full_avg60_percent: 75, refaults_per_s: 100 } },
  ],
]);
