/** The process table: a fork that is refused, and whose limit refused it. */
import { processes } from "../../src/checks/processes.ts";
import { type JobOutcome, UNBORN } from "../../src/platform.ts";
import { suite } from "../vector.ts";
import { tellReadings } from "./tell.ts";

const table = (tasks: number) => ({ "/proc/loadavg": `0.00 0.00 0.00 1/${tasks} 4711\n` });
const sizes = { "/proc/sys/kernel/threads-max": "1618\n", "/proc/sys/kernel/pid_max": "4194304\n" };
const healthy = { ...table(80), ...sizes };

const fork = (outcome: JobOutcome) => ({ jobs: { tick: outcome } });
const born = fork({ status: 0, output: "1" });
const refused = (errno: number) => fork({ status: UNBORN, output: String(errno) });

const OWN = "/sys/fs/cgroup/system.slice/bernard-guest.service";
const service = {
  "/proc/self/cgroup": "0::/system.slice/bernard-guest.service\n",
  [`${OWN}/pids.max`]: "10\n",
  [`${OWN}/pids.current`]: "10\n",
  "/sys/fs/cgroup/system.slice/pids.max": "max\n",
  "/sys/fs/cgroup/system.slice/pids.current": "70\n",
};
const ownLimit = (at: number, errno: number) =>
  `${at}: log: warning: bernard-guest can start no process (errno ${errno}), by a limit of its own service (TasksMax, LimitNPROC, MemoryMax); raise it`;

export const forks = suite("processes", tellReadings(processes), [
  [
    "a full table: the number has forks tried more often, the refusals decide",
    {
      files: healthy,
      config: "processes-hold = 10",
      changes: [{ at: 10, files: table(1618), ...refused(11) }],
      until: 40,
    },
    {
      heard: [
        "12: processes failing: no process can be started: 1618 tasks of 1618 (EAGAIN)",
        "23: processes failed, reboot: no process can be started: 1618 tasks of 1618 (EAGAIN)",
      ],
      readings: { tasks: 1618, tasks_percent: 100, fork_errno: 11 },
    },
  ],
  [
    "a crowd that leaves room for one more is none",
    { files: { ...healthy, ...table(1600) }, until: 30 },
    { heard: [], readings: { tasks: 1600, tasks_percent: 98.9, fork_errno: 0 } },
  ],
  [
    "one fork that goes well ends it",
    {
      files: healthy,
      changes: [
        { at: 0, files: table(1618), ...refused(11) },
        { at: 12, ...born },
        { at: 18, ...refused(11) },
      ],
      until: 22,
    },
    {
      heard: [
        "1: processes failing: no process can be started: 1618 tasks of 1618 (EAGAIN)",
        "13: processes healthy",
        "19: processes failing: no process can be started: 1618 tasks of 1618 (EAGAIN)",
      ],
      readings: { tasks: 1618, tasks_percent: 100, fork_errno: 11 },
    },
  ],
  [
    "a refusal by our own service's limit is told once, when it lasts, and is no trouble of the guest's",
    { files: { ...healthy, ...service }, changes: [{ at: 0, ...refused(11) }], until: 30 },
    { heard: [ownLimit(13, 11)], readings: { tasks: 80, tasks_percent: 4.9, fork_errno: 11 } },
  ],
  [
    "a slice above it that is full refuses every service in it",
    {
      files: { ...healthy, ...service, "/sys/fs/cgroup/system.slice/pids.max": "70\n" },
      changes: [{ at: 0, ...refused(11) }],
      until: 5,
    },
    {
      heard: [
        "1: processes failing: no process can be started: /sys/fs/cgroup/system.slice is at its pids.max (EAGAIN)",
      ],
      readings: { tasks: 80, tasks_percent: 4.9, fork_errno: 11 },
    },
  ],
  [
    "no memory for a process",
    { files: healthy, changes: [{ at: 0, ...refused(12) }], until: 5 },
    {
      heard: ["1: processes failing: no process can be started: the kernel has no memory for one (ENOMEM)"],
      readings: { tasks: 80, tasks_percent: 4.9, fork_errno: 12 },
    },
  ],
  [
    "no memory left of our own service's",
    {
      files: { ...healthy, ...service, [`${OWN}/memory.max`]: "6000000\n" },
      changes: [{ at: 0, ...refused(12) }],
      until: 20,
    },
    { heard: [ownLimit(13, 12)], readings: { tasks: 80, tasks_percent: 4.9, fork_errno: 12 } },
  ],
  [
    "pid_max counts where it is the smaller one",
    {
      files: { ...healthy, "/proc/sys/kernel/pid_max": "85\n" },
      changes: [{ at: 0, ...refused(11) }],
      until: 5,
    },
    {
      heard: ["1: processes failing: no process can be started: 80 tasks of 85 (EAGAIN)"],
      readings: { tasks: 80, tasks_percent: 94.1, fork_errno: 11 },
    },
  ],
  [
    "nothing known of the table: nothing to explain a refusal with",
    { files: {}, changes: [{ at: 0, ...refused(11) }], until: 20 },
    { heard: [ownLimit(13, 11)], readings: { fork_errno: 11 } },
  ],
  ["off", { files: healthy, config: "fork-probe = no", changes: [{ at: 0, ...refused(11) }], until: 5 }, { heard: [] }],
]);
