/**
 * No process can be started any more: the process table is full, or there is no memory for one.
 *
 * Proof is a fork that the kernel refuses; the number of tasks explains it, and has it tried more often. A refusal while the table
 * has room is a limit of our own service's (TasksMax, RLIMIT_NPROC, MemoryMax) and no trouble of the guest's; that of a slice above
 * it is, for every service in it meets the same.
 *
 *   /proc/loadavg                              "0.20 0.18 0.12 1/80 11206\n": the 80 are all tasks, threads included
 *   /proc/sys/kernel/{threads-max,pid_max}     the smaller one is the size of the table
 */
import { encode, numberAt, numberBehind } from "../bytes.ts";
import { type Check, type CheckKind, endKey, holdKey, type Reading } from "../check.ts";
import type { End } from "../end.ts";
import { limitOf, ownCgroups } from "../kernel/cgroup.ts";
import { percent, round } from "../percent.ts";
import { type Platform, UNBORN } from "../platform.ts";
import { RecurringJob } from "../recurring-job.ts";

const EAGAIN = 11;
const ENOMEM = 12;

const SLASH = encode("/");

/** Milliseconds from one look to the next, and from one fork to the next while there is plenty of room. */
const PERIOD = 5000;
const INTERVAL = 60_000;

/** Milliseconds. */
const DEADLINE = 60_000;

/** A limit of our own is told after so many refusals in a row: one may be a spawner that was killed. */
const REFUSED = 3;

/** Percent of the table from which on a fork is tried at each look, and from which on a refusal is the table's. */
const CROWDED = 80;
const FULL = 90;

class ProcessesCheck implements Check {
  readonly name = "processes";
  readonly end: End;
  readonly code = EAGAIN;
  readonly #hold: number;
  readonly #platform: Platform;
  readonly #readLoad: () => Uint8Array | undefined;
  readonly #readLimits: readonly (() => Uint8Array | undefined)[];
  readonly #fork: RecurringJob;
  /** Errno of the last fork; 0: it went well. */
  #refusal = 0;
  #refusals = 0;
  #saidOwnLimit = false;

  constructor(hold: number, end: End, platform: Platform) {
    this.end = end;
    this.#hold = hold;
    this.#platform = platform;
    this.#readLoad = platform.reader("/proc/loadavg");
    this.#readLimits = ["threads-max", "pid_max"].map((name) => platform.reader(`/proc/sys/kernel/${name}`));
    this.#fork = new RecurringJob(platform, ["tick"], DEADLINE);
  }

  get period(): number {
    return this.#fork.isOut ? 0 : PERIOD;
  }

  read(now: number): Reading {
    const load = this.#readLoad();
    const tasks = load === undefined ? Number.NaN : numberBehind(load, SLASH);
    let room = Number.POSITIVE_INFINITY;
    for (const read of this.#readLimits) {
      const text = read();
      const limit = text === undefined ? Number.NaN : numberAt(text, 0);
      if (limit < room) room = limit;
    }
    const used = percent(tasks, room);
    const outcome = this.#fork.take();
    if (outcome !== undefined) this.#refusal = outcome.status === UNBORN ? Number(outcome.output) : 0;
    if (outcome !== undefined) this.#refusals = this.#refusal === 0 ? 0 : this.#refusals + 1;
    this.#fork.startWhenDue(now, used >= CROWDED || this.#refusal !== 0 ? PERIOD : INTERVAL);
    const reason = this.#judge(tasks, room, used);
    return {
      reason,
      readings: { tasks, tasks_percent: round(used), fork_errno: this.#refusal },
      hold: this.#hold,
      code: this.#refusal === ENOMEM ? ENOMEM : EAGAIN,
    };
  }

  #judge(tasks: number, room: number, used: number): string {
    if (this.#refusal === 0) return "";
    const [own, ...above] = ownCgroups(this.#platform);
    if (this.#refusal === ENOMEM) {
      if (own === undefined || Number.isNaN(limitOf(this.#platform, own, "memory.max"))) {
        return "no process can be started: the kernel has no memory for one (ENOMEM)";
      }
    } else if (this.#refusal === EAGAIN) {
      if (used >= FULL) return `no process can be started: ${tasks} tasks of ${room} (EAGAIN)`;
      const full = above.find((cgroup) => {
        return limitOf(this.#platform, cgroup, "pids.current") >= limitOf(this.#platform, cgroup, "pids.max");
      });
      if (full !== undefined) return `no process can be started: ${full} is at its pids.max (EAGAIN)`;
    }
    if (this.#refusals >= REFUSED && !this.#saidOwnLimit) {
      const why = "a limit of its own service (TasksMax, LimitNPROC, MemoryMax); raise it";
      this.#platform.log(`warning: bernard-guest can start no process (errno ${this.#refusal}), by ${why}`, true);
      this.#saidOwnLimit = true;
    }
    return "";
  }
}

export const processes: CheckKind = {
  keys: [
    {
      name: "fork-probe",
      type: "switch",
      fallback: true,
      help: "try each minute, and more often in a crowded process table, to start a process",
    },
    holdKey("processes", 30, "no process could be started for this long"),
    endKey("processes", "reboot"),
  ],
  create({ settings, platform }) {
    if (!settings.on("fork-probe")) return [];
    return [new ProcessesCheck(settings.number("processes-hold") * 1000, settings.end("processes"), platform)];
  },
};
