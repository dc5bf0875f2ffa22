/**
 * Ordinary programs get no processor: a fresh process needs this long until it runs.
 *
 * The daemon runs before all of them and would never notice, so it has a process started at normal priority and looks at what that
 * takes, spawner and fork included. Load and CPU pressure alone are no trouble: a guest may be busy for days.
 *
 * Not counted while the host is starved (steal) or where a cgroup above us has a CPU quota: then it is not the guest that is slow.
 *
 *   /proc/pressure/cpu   "some avg10=6.12 avg60=8.42 avg300=8.83 total=1021692216\n"; a reading only
 */
import { encode, numberBehind } from "../bytes.ts";
import { type Check, type CheckKind, endKey, holdKey, type Reading } from "../check.ts";
import type { End } from "../end.ts";
import { limitOf, ownCgroups } from "../kernel/cgroup.ts";
import { StealMeter } from "../kernel/steal.ts";
import { round } from "../percent.ts";
import type { Platform } from "../platform.ts";
import { RecurringJob } from "../recurring-job.ts";

/** watchdog(8)'s code for load, which is nearest. */
const LOAD_TOO_HIGH = 253;

const SOME_AVG10 = encode("some avg10=");

/** Milliseconds from one look to the next, and from one process to the next while all is well. */
const PERIOD = 5000;
const INTERVAL = 10_000;

/** A process that has not run by then (ms) is given up, and another one tried. */
const DEADLINE = 600_000;

/** Once late, this share of the limit still counts. */
const RECOVERED = 0.5;

class LatenessCheck implements Check {
  readonly name = "lateness";
  readonly limit: string;
  readonly end: End;
  readonly code = LOAD_TOO_HIGH;
  /** Milliseconds. */
  readonly #limit: number;
  readonly #hold: number;
  readonly #platform: Platform;
  readonly #readPressure: () => Uint8Array | undefined;
  readonly #steal: StealMeter;
  readonly #process: RecurringJob;
  #lateness = 0;
  #late = false;

  constructor(limit: number, hold: number, end: End, platform: Platform) {
    this.limit = `${limit / 1000} s`;
    this.end = end;
    this.#limit = limit;
    this.#hold = hold;
    this.#platform = platform;
    this.#readPressure = platform.reader("/proc/pressure/cpu");
    this.#steal = new StealMeter(platform);
    this.#process = new RecurringJob(platform, ["tick"], DEADLINE);
  }

  get period(): number {
    return this.#process.isOut ? 0 : PERIOD;
  }

  read(now: number): Reading {
    this.#steal.sample();
    const outcome = this.#process.take();
    // One that was killed or never born says nothing of processors.
    if (outcome !== undefined) {
      this.#lateness = outcome.status === 0 ? Number(outcome.output) - this.#process.startedAt : 0;
    }
    const waiting = this.#process.isOut ? now - this.#process.startedAt : 0;
    const lateness = Math.max(this.#lateness, waiting);
    this.#process.startWhenDue(now, this.#late ? PERIOD : INTERVAL);
    this.#late =
      lateness >= this.#limit * (this.#late ? RECOVERED : 1) && !this.#steal.isStarved && !this.#isHeldBack();
    const pressure = this.#readPressure();
    return {
      reason: this.#late
        ? `a new process waits ${round(lateness / 1000)} s for a processor (limit ${this.#limit / 1000} s)`
        : "",
      readings: {
        lateness_s: Math.round(lateness) / 1000,
        steal_percent: round(this.#steal.percent),
        some_avg10_percent: pressure === undefined ? Number.NaN : numberBehind(pressure, SOME_AVG10),
      },
      hold: this.#hold,
    };
  }

  /** Whether our own service, or a slice that it is in, has a CPU quota. */
  #isHeldBack(): boolean {
    return ownCgroups(this.#platform).some((cgroup) => limitOf(this.#platform, cgroup, "cpu.max") >= 0);
  }
}

export const lateness: CheckKind = {
  keys: [
    {
      name: "max-lateness",
      type: "number",
      unit: "seconds",
      min: 0,
      max: 300,
      fallback: 30,
      help: "processors fail when a new process of normal priority runs only after this long; 0: off",
    },
    holdKey("lateness", 60, "it must last this long; sooner than hang-hold, for the disk's probe waits too"),
    endKey("lateness", "reboot"),
  ],
  create({ settings, platform }) {
    const limit = settings.number("max-lateness") * 1000;
    if (limit === 0) return [];
    return [new LatenessCheck(limit, settings.number("lateness-hold") * 1000, settings.end("lateness"), platform)];
  },
};
