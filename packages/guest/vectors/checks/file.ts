/** Files that must be there, and change. */
import { file } from "../../src/checks/file.ts";
import { suite } from "../vector.ts";
import { tellVerdicts } from "./tell.ts";

const LOG = "/var/log/messages";
const changed = (mtime: string) => ({ [`mtime ${LOG}`]: { status: 0, output: mtime } });
const fails = (errno: number) => ({ [`mtime ${LOG}`]: { status: errno, output: "" } });

const config = `file = ${LOG}\nretry-timeout = 20\nhang-hold = 30`;
const changing = `${config}\nchange = 60`;

const eachMinute = (until: number) =>
  Array.from({ length: until / 50 }, (_, index) => ({ at: index * 50, jobs: changed(`${1000 + index * 50}.0`) }));

export const files = suite("file", tellVerdicts(file), [
  ["it is there", { config, changes: [{ at: 0, jobs: changed("1.0") }], until: 500 }, []],
  ["it changes in time", { config: changing, changes: eachMinute(500), until: 500 }, []],
  [
    "it does not change any more",
    { config: changing, changes: eachMinute(100), until: 200 },
    [
      `120: file:${LOG} failing: ${LOG} has not changed for 65 s (change = 60)`,
      `138: file:${LOG} failed, reboot: ${LOG} has not changed for 83 s (change = 60)`,
    ],
  ],
  [
    "a clock set back a year is a change like any other, and so is a file of the future",
    {
      config: changing,
      changes: [
        { at: 0, jobs: changed("1800000000.0") },
        { at: 50, jobs: changed("1768464000.0") },
        { at: 100, jobs: changed("4000000000.0") },
        { at: 150, jobs: changed("4000000000.000000001") },
      ],
      until: 200,
    },
    [],
  ],
  [
    "one that has never changed since start only alarms",
    { config: changing, changes: [{ at: 0, jobs: changed("1.0") }], until: 100 },
    [
      `66: file:${LOG} failing: ${LOG} has not changed for 65 s (change = 60); not well once since start`,
      `84: file:${LOG} failed, alarm: ${LOG} has not changed for 83 s (change = 60); not well once since start`,
    ],
  ],
  [
    "time in which the host was starved does not count",
    { config: changing, changes: eachMinute(100), until: 220, gap: [60, 150] },
    [`209: file:${LOG} failing: ${LOG} has not changed for 64 s (change = 60)`],
  ],
  [
    "nor does a backup's freeze, in which nobody can write",
    {
      config: changing,
      changes: [
        ...eachMinute(100),
        { at: 60, files: { "/run/qga.state.isfrozen": "" } },
        { at: 150, files: { "/run/qga.state.isfrozen": undefined } },
      ],
      until: 206,
    },
    [],
  ],
  [
    "it is removed, and comes back in time: as a log is rotated",
    {
      config,
      changes: [
        { at: 0, jobs: changed("1.0") },
        { at: 20, jobs: fails(2) },
        { at: 35, jobs: changed("2.0") },
      ],
      until: 100,
    },
    [`25: file:${LOG} failing: ${LOG}: there is no such file`, `37: file:${LOG} healthy`],
  ],
  [
    "it stays away",
    {
      config,
      changes: [
        { at: 0, jobs: changed("1.0") },
        { at: 20, jobs: fails(13) },
      ],
      until: 100,
    },
    [`25: file:${LOG} failing: ${LOG}: errno 13`, `48: file:${LOG} failed, reboot: ${LOG}: errno 13`],
  ],
  [
    "it was never there: a mistyped name must not be a loop of resets",
    { config, changes: [{ at: 0, jobs: fails(2) }], until: 100 },
    [
      `1: file:${LOG} failing: ${LOG}: there is no such file; not well once since start`,
      `24: file:${LOG} failed, alarm: ${LOG}: there is no such file; not well once since start`,
    ],
  ],
  [
    "the look at it hangs",
    {
      config,
      changes: [
        { at: 0, jobs: changed("1.0") },
        { at: 20, jobs: { [`mtime ${LOG}`]: "hang" } },
        { at: 100, jobs: changed("1.0") },
      ],
      until: 120,
    },
    [
      `30: file:${LOG} failing: a look at ${LOG} hangs for 6 s`,
      `57: file:${LOG} failed, reboot: a look at ${LOG} hangs for 33 s`,
      `102: file:${LOG} healthy`,
    ],
  ],
  [
    "no process for the look, or a killed one, says nothing of the file",
    {
      config,
      changes: [
        { at: 0, jobs: changed("1.0") },
        { at: 10, jobs: { [`mtime ${LOG}`]: { status: -3, output: "11" } } },
        { at: 50, jobs: { [`mtime ${LOG}`]: { status: -2, output: "9" } } },
      ],
      until: 100,
    },
    [],
  ],
]);
