/** Whatever the kernel's files say: a check does not throw, and its reason is one line. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { allocation } from "../src/checks/allocation.ts";
import { handles } from "../src/checks/handles.ts";
import { lateness } from "../src/checks/lateness.ts";
import { load } from "../src/checks/load.ts";
import { memory } from "../src/checks/memory.ts";
import { oomKills } from "../src/checks/oom-kills.ts";
import { processes } from "../src/checks/processes.ts";
import { swap } from "../src/checks/swap.ts";
import { thrash } from "../src/checks/thrash.ts";
import { parseConfig, type Settings } from "../src/config.ts";
import { keys } from "../src/settings.ts";
import { ScriptedPlatform } from "../vectors/scripted.ts";

const CASES = { numRuns: 3_000 };

/** Everything on, so that each of them reads. */
const settings = parseConfig(
  "min-memory = 5\nmax-swap = 5\nmax-load-1 = 5\nallocatable-memory = 5\n",
  "conf",
  keys,
) as Settings;

const kinds = { memory, allocation, thrash, swap, oomKills, load, lateness, processes, handles };

const FILES = [
  "/proc/meminfo",
  "/proc/pressure/memory",
  "/proc/pressure/cpu",
  "/proc/vmstat",
  "/proc/loadavg",
  "/proc/stat",
  "/proc/sys/kernel/threads-max",
  "/proc/sys/kernel/pid_max",
  "/proc/sys/fs/file-nr",
  "/proc/self/cgroup",
  "/sys/fs/cgroup/a/memory.events",
  "/sys/fs/cgroup/a/pids.max",
];

const words =
  `MemTotal: MemFree: MemAvailable: Buffers: Cached: SwapTotal: SwapFree: HugePages_Total: Hugepagesize: full some
  avg10= avg60= total= oom_kill oom workingset_refault pgmajfault cpu 0::/a max kB -1 nan . / x 0 7 12.5`.split(/\s+/);
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(...words, " ", "\n", "\t", "9".repeat(400)),
      fc.nat().map(String),
      fc.string({ maxLength: 3 }),
    ),
    { maxLength: 20 },
  )
  .map((parts) => parts.join(""));
const outcome = fc.record({ status: fc.integer({ min: -4, max: 30 }), output: text });
const look = fc.record({
  files: fc.tuple(...FILES.map(() => fc.option(text, { nil: undefined }))),
  tick: outcome,
  openFile: outcome,
  allocate: outcome,
});

suite("whatever the kernel's files say,", () => {
  for (const [name, kind] of Object.entries(kinds)) {
    test(`${name} takes it`, () => {
      fc.assert(
        fc.property(fc.array(look, { minLength: 2, maxLength: 4 }), (looks) => {
          const platform = new ScriptedPlatform({});
          const checks = kind.create({ settings, platform, use: "watch", signs: { disk: 0 } });
          assert.notEqual(checks.length, 0);
          looks.forEach(({ files, tick, openFile, allocate }, index) => {
            platform.advance(index * 60);
            platform.change({
              at: 0,
              files: Object.fromEntries(FILES.map((file, at) => [file, files[at]])),
              jobs: { tick, openFile, "allocate 20": allocate },
            });
            for (const check of checks) {
              const { reason } = check.read(index * 60_000);
              assert.ok(!reason.includes("\n"), reason);
            }
            platform.runChildren();
          });
        }),
        CASES,
      );
    });
  }
});
