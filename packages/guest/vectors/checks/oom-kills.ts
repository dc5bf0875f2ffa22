/** The OOM killer: kills of the whole guest are counted, those by a container's own limit are not. */
import { oomKills } from "../../src/checks/oom-kills.ts";
import { suite } from "../vector.ts";
import { tellReadings } from "./tell.ts";

const VMSTAT = "/proc/vmstat";
const EVENTS = "/sys/fs/cgroup/system.slice/memory.events";

const kills = (count: number) => ({ [VMSTAT]: `pgmajfault 9\noom_kill ${count}\nnr_x 1\n` });
const events = (met: number, killed: number) => ({
  [EVENTS]: `low 0\nhigh 0\nmax 20\noom ${met}\noom_kill ${killed}\n`,
});

const reason = (count: number) => `the OOM killer took ${count} processes in 10 minutes (max-oom-kills: 5)`;

export const counted = suite("oom-kills", tellReadings(oomKills), [
  [
    "more than five in ten minutes; those before start are past, and so are these after ten minutes",
    {
      files: kills(100),
      changes: [
        { at: 20, files: kills(103) },
        { at: 60, files: kills(106) },
      ],
      until: 700,
    },
    {
      heard: [`60: oom-kills failed, alarm: ${reason(6)}`, "620: oom-kills healthy"],
      readings: { kills: 106, kills_10min: 0 },
    },
  ],
  [
    "the file comes in pieces, and the line may be the first of one",
    { files: { [VMSTAT]: "oom_kill 3\n" }, until: 0 },
    { heard: [], readings: { kills: 3, kills_10min: 0 } },
  ],
  [
    "five are not more than five",
    { files: kills(0), changes: [{ at: 20, files: kills(5) }], until: 30 },
    { heard: [], readings: { kills: 5, kills_10min: 5 } },
  ],
  [
    "a container that meets its own limit again and again is its own affair",
    {
      files: { ...kills(0), ...events(3, 3) },
      changes: [
        { at: 20, files: { ...kills(30), ...events(33, 33) } },
        { at: 40, files: { ...kills(60), ...events(63, 63) } },
      ],
      until: 50,
    },
    { heard: [], readings: { kills: 60, kills_10min: 0 } },
  ],
  [
    "kills of the whole guest count in a cgroup that has met no limit",
    {
      files: { ...kills(0), ...events(3, 3) },
      changes: [{ at: 20, files: { ...kills(8), ...events(3, 11) } }],
      until: 20,
    },
    { heard: [`20: oom-kills failed, alarm: ${reason(8)}`], readings: { kills: 8, kills_10min: 8 } },
  ],
  [
    "under cgroup v1 they cannot be told apart: nothing is said",
    {
      files: { ...kills(0), "/sys/fs/cgroup/memory/tasks": "" },
      changes: [{ at: 20, files: kills(50) }],
      until: 30,
    },
    { heard: [], readings: { kills: 50, kills_10min: 0 } },
  ],
  [
    "a kernel that does not count",
    { files: { [VMSTAT]: "a 1\n" }, until: 30 },
    { heard: [], readings: { kills_10min: 0 } },
  ],
]);
