/**
 * Memory cannot be had: watchdog(8)'s `allocatable-memory`. A process of its own asks for that much and writes to all of it, first
 * in line for the OOM killer, so that the attempt costs caches at most. Refused, killed, or not done in time: all the same. What could
 * not be had once since start is no reset's business: more than there ever is would be a loop of resets.
 */
import { type Check, type CheckKind, neverWell, type Reading, type Use } from "../check.ts";
import type { End } from "../end.ts";
import { PAGE_KIB, pagesKey } from "../kernel/meminfo.ts";
import { type JobOutcome, KILLED, type Platform, TIMED_OUT, UNBORN } from "../platform.ts";
import { RecurringJob } from "../recurring-job.ts";

const ENOMEM = 12;

/** Milliseconds from one attempt to the next, and after one that failed. */
const INTERVAL = 60_000;
const PERIOD = 5000;

/** Milliseconds: memory that is found more slowly than this is none. */
const DEADLINE = 30_000;

class AllocationCheck implements Check {
  readonly name = "allocatable-memory";
  readonly limit: string;
  readonly end: End;
  readonly code = ENOMEM;
  readonly #kib: number;
  readonly #hold: number;
  readonly #attempt: RecurringJob;
  #problem = "";
  #wasHad: boolean;

  constructor(kib: number, use: Use, hold: number, end: End, platform: Platform) {
    this.limit = `${kib} KiB`;
    this.end = end;
    this.#kib = kib;
    this.#hold = hold;
    this.#wasHad = use === "once"; // a single look has no past: it expects that all is well
    this.#attempt = new RecurringJob(platform, ["allocate", String(kib)], DEADLINE);
  }

  get period(): number {
    return this.#attempt.isOut ? 0 : PERIOD;
  }

  read(now: number): Reading {
    const outcome = this.#attempt.take();
    if (outcome !== undefined) this.#problem = problemOf(outcome) ?? this.#problem;
    this.#wasHad ||= outcome?.status === 0;
    this.#attempt.startWhenDue(now, this.#problem === "" ? INTERVAL : PERIOD);
    const readings = { allocatable: Number(this.#problem === "") };
    if (this.#problem === "") return { reason: "", readings };
    const reason = `an attempt to take ${this.#kib} KiB of memory ${this.#problem}`;
    const trouble = { reason, readings, hold: this.#hold };
    return this.#wasHad ? trouble : { ...trouble, ...neverWell(reason, "not had") };
  }
}

/** Empty for an attempt that went well, undefined for one that says nothing of memory. */
function problemOf({ status, output }: JobOutcome): string | undefined {
  if (status === 0) return "";
  if (status === ENOMEM || (status === UNBORN && Number(output) === ENOMEM)) return "was refused";
  if (status === KILLED) return "was killed";
  if (status === TIMED_OUT) return `was not over in ${DEADLINE / 1000} s`;
  return undefined;
}

export const allocation: CheckKind = {
  keys: [
    pagesKey(
      "allocatable-memory",
      "memory fails when a process cannot take this much for retry-timeout, tried each minute; 0: off",
    ),
  ],
  create({ settings, platform, use }) {
    const kib = settings.number("allocatable-memory") * PAGE_KIB;
    if (kib === 0) return [];
    return [new AllocationCheck(kib, use, settings.number("retry-timeout") * 1000, settings.end("memory"), platform)];
  },
};
