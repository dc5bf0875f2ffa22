/** Processes that must live: by pid file, name and unit. */
import { encode } from "../../src/bytes.ts";
import { alive } from "../../src/checks/alive.ts";
import { parseProcess } from "../../src/kernel/process-status.ts";
import { suite } from "../vector.ts";
import { tellVerdicts } from "./tell.ts";

const stat = (pid: number, name: string, state: string, startedAt: number) =>
  `${pid} (${name}) ${state} 1 ${pid} ${pid} 0 -1 4194560 900 0 0 0 3 4 0 0 20 0 1 0 ${startedAt} 12345 678\n`;

export const statuses = suite("parseProcess", (text: string) => parseProcess(encode(text)) ?? "none", [
  ["a process", stat(812, "sshd", "S", 2214), { name: "sshd", alive: true, startedAt: 2214 }],
  ["a zombie", stat(812, "sshd", "Z", 2214), { name: "sshd", alive: false, startedAt: 2214 }],
  ["one in disk sleep lives", stat(812, "sshd", "D", 2214), { name: "sshd", alive: true, startedAt: 2214 }],
  ["a name made to deceive", stat(9, "a) Z 1 (b", "R", 7), { name: "a) Z 1 (b", alive: true, startedAt: 7 }],
  ["cut off", "812 (sshd) S 1 812", "none"],
  ["empty", "", "none"],
  ["garbage", ")(", "none"],
]);

const PID_FILE = "/run/sshd.pid";
const byFile = `pidfile = ${PID_FILE}\nretry-timeout = 20`;
const lives = { [PID_FILE]: "812\n", "/proc/812/stat": stat(812, "sshd", "S", 2214) };
const dead = `sshd, process 812 of ${PID_FILE}, is dead`;

export const pidFiles = suite("pidfile", tellVerdicts(alive), [
  ["it lives", { config: byFile, changes: [{ at: 0, files: lives }], until: 300 }, []],
  [
    "it dies",
    {
      config: byFile,
      changes: [
        { at: 0, files: lives },
        { at: 12, files: { "/proc/812/stat": undefined } },
      ],
      until: 60,
    },
    [`15: pidfile:${PID_FILE} failing: ${dead}`, `35: pidfile:${PID_FILE} failed, reboot: ${dead}`],
  ],
  [
    "it is a zombie",
    {
      config: byFile,
      changes: [
        { at: 0, files: lives },
        { at: 12, files: { "/proc/812/stat": stat(812, "sshd", "Z", 2214) } },
      ],
      until: 30,
    },
    [`15: pidfile:${PID_FILE} failing: ${dead}`],
  ],
  [
    "its id was given to another process",
    {
      config: byFile,
      changes: [
        { at: 0, files: lives },
        { at: 12, files: { "/proc/812/stat": stat(812, "cron", "S", 9000) } },
      ],
      until: 30,
    },
    [`15: pidfile:${PID_FILE} failing: ${dead}`],
  ],
  [
    "it is started anew in time, with another id or by chance with the same",
    {
      config: byFile,
      changes: [
        { at: 0, files: lives },
        { at: 12, files: { "/proc/812/stat": undefined } },
        { at: 22, files: { [PID_FILE]: "900\n", "/proc/900/stat": stat(900, "sshd", "S", 3000) } },
        { at: 42, files: { "/proc/900/stat": stat(900, "sshd", "S", 5000) } },
      ],
      until: 100,
    },
    [`15: pidfile:${PID_FILE} failing: ${dead}`, `25: pidfile:${PID_FILE} healthy`],
  ],
  [
    "an upgrade removes the file while the process lives on",
    {
      config: byFile,
      changes: [
        { at: 0, files: lives },
        { at: 12, files: { [PID_FILE]: undefined } },
      ],
      until: 100,
    },
    [],
  ],
  [
    "the file was never there: a mistyped name must not be a loop of resets",
    { config: byFile, changes: [], until: 60 },
    [
      `0: pidfile:${PID_FILE} failing: ${PID_FILE} cannot be read; not alive once since start`,
      `20: pidfile:${PID_FILE} failed, alarm: ${PID_FILE} cannot be read; not alive once since start`,
    ],
  ],
  [
    "the file holds garbage",
    { config: byFile, changes: [{ at: 0, files: { [PID_FILE]: "-1e9\n" } }], until: 10 },
    [`0: pidfile:${PID_FILE} failing: ${PID_FILE} names no process; not alive once since start`],
  ],
  [
    "a file on a disk is read by a job; a disk that hangs says nothing of the process",
    {
      config: "pidfile = /srv/app.pid\nretry-timeout = 20",
      changes: [
        {
          at: 0,
          jobs: { "load /srv/app.pid": { status: 0, output: "7\n" } },
          files: { "/proc/7/stat": stat(7, "app", "S", 1) },
        },
        { at: 30, jobs: { "load /srv/app.pid": "hang" } },
        { at: 92, files: { "/proc/7/stat": undefined } },
      ],
      until: 100,
    },
    ["96: pidfile:/srv/app.pid failing: app, process 7 of /srv/app.pid, is dead"],
  ],
]);

const byName = "process = a-very-long-daemon\nretry-timeout = 20";
const SEARCH = "oldest a-very-long-dae";
const found = (pid: number) => ({ [SEARCH]: { status: 0, output: String(pid) } });

export const names = suite("process", tellVerdicts(alive), [
  [
    "found once, and then only looked at",
    {
      config: byName,
      changes: [
        { at: 0, jobs: found(7), files: { "/proc/7/stat": stat(7, "a-very-long-dae", "S", 1) } },
        { at: 20, jobs: { [SEARCH]: { status: 3, output: "" } } },
      ],
      until: 100,
    },
    [],
  ],
  [
    "its successor counts",
    {
      config: byName,
      changes: [
        { at: 0, jobs: found(7), files: { "/proc/7/stat": stat(7, "a-very-long-dae", "S", 1) } },
        {
          at: 20,
          jobs: found(9),
          files: { "/proc/7/stat": undefined, "/proc/9/stat": stat(9, "a-very-long-dae", "S", 9) },
        },
      ],
      until: 100,
    },
    [],
  ],
  [
    "the last one dies",
    {
      config: byName,
      changes: [
        { at: 0, jobs: found(7), files: { "/proc/7/stat": stat(7, "a-very-long-dae", "S", 1) } },
        { at: 20, jobs: { [SEARCH]: { status: 3, output: "" } }, files: { "/proc/7/stat": undefined } },
      ],
      until: 60,
    },
    [
      "22: process:a-very-long-daemon failing: no process is called a-very-long-daemon",
      "45: process:a-very-long-daemon failed, reboot: no process is called a-very-long-daemon",
    ],
  ],
  [
    "there never was one",
    { config: byName, changes: [{ at: 0, jobs: { [SEARCH]: { status: 3, output: "" } } }], until: 10 },
    ["1: process:a-very-long-daemon failing: no process is called a-very-long-daemon; not alive once since start"],
  ],
  [
    "a search that cannot be made says nothing",
    {
      config: byName,
      changes: [{ at: 0, jobs: { [SEARCH]: { status: -3, output: "11" } } }],
      until: 100,
    },
    [],
  ],
]);

const events = (populated: number) => `populated ${populated}\nfrozen 0\n`;

export const units = suite("unit", tellVerdicts(alive), [
  [
    "cgroup v2: it ends, and is started anew in time",
    {
      config: "unit = sshd.service\nretry-timeout = 20",
      changes: [
        { at: 0, files: { "/sys/fs/cgroup/system.slice/sshd.service/cgroup.events": events(1) } },
        { at: 12, files: { "/sys/fs/cgroup/system.slice/sshd.service/cgroup.events": events(0) } },
        { at: 22, files: { "/sys/fs/cgroup/system.slice/sshd.service/cgroup.events": events(1) } },
      ],
      until: 60,
    },
    ["15: unit:sshd.service failing: no process of sshd.service is left", "25: unit:sshd.service healthy"],
  ],
  [
    "cgroup v2 beside v1, a template's instance: systemd removes its cgroup",
    {
      config: "unit = my-app@7.service\nretry-timeout = 20",
      changes: [
        {
          at: 0,
          files: {
            "/sys/fs/cgroup/unified/system.slice/system-my\\x2dapp.slice/my-app@7.service/cgroup.events": events(1),
          },
        },
        {
          at: 12,
          files: {
            "/sys/fs/cgroup/unified/system.slice/system-my\\x2dapp.slice/my-app@7.service/cgroup.events": undefined,
          },
        },
      ],
      until: 60,
    },
    [
      "15: unit:my-app@7.service failing: no process of my-app@7.service is left",
      "35: unit:my-app@7.service failed, reboot: no process of my-app@7.service is left",
    ],
  ],
  [
    "cgroup v1, outside of system.slice",
    {
      config: "unit = user.slice/some.service\nretry-timeout = 20",
      changes: [
        { at: 0, files: { "/sys/fs/cgroup/systemd/user.slice/some.service/cgroup.procs": "812\n" } },
        { at: 12, files: { "/sys/fs/cgroup/systemd/user.slice/some.service/cgroup.procs": "" } },
      ],
      until: 20,
    },
    ["15: unit:user.slice/some.service failing: no process of user.slice/some.service is left"],
  ],
]);
