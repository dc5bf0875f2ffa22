/**
 * Repairs before an end: a test program's own (`PROGRAM repair CODE PROGRAM`), else `repair-binary` (`PROGRAM CODE CHECK`), as in
 * watchdog(8). Exit 0 says that it is repaired: then the check gets its hold time anew, `repair-maximum` times at most.
 */
import type { HeldCheck } from "./check.ts";
import { type JobOutcome, NOT_RUN, type Platform, type RunningJob } from "./platform.ts";

/** Codes of test programs that order an end: no repair comes before it, as in watchdog(8). */
const ORDERS = [252, 254, 255];

export interface RepairOptions {
  /** The program for checks without one of their own; undefined: none. */
  readonly program: string | undefined;
  /** Milliseconds. */
  readonly timeout: number;
  /** Repairs that did not last before the end comes; 0: any number. */
  readonly maximum: number;
  /** Path, without its ending, that a program's output goes to; empty: nowhere. */
  readonly logFor: (program: string) => string;
}

export class Repairs {
  readonly #platform: Platform;
  readonly #options: RepairOptions;
  /** How often each check was repaired since it was last healthy. */
  readonly #attempts = new Map<HeldCheck, number>();
  #running: { readonly held: HeldCheck; readonly job: RunningJob } | undefined;

  constructor(platform: Platform, options: RepairOptions) {
    this.#platform = platform;
    this.#options = options;
  }

  /** Forgets the attempts at what is healthy again. */
  tend(checks: readonly HeldCheck[]): void {
    for (const held of checks) if (held.verdict === "healthy") this.#attempts.delete(held);
  }

  /** True while the end of a failed check has to wait: a repair runs, or has just said that it helped. */
  holdsBack(held: HeldCheck, now: number): boolean {
    if (this.#running !== undefined) {
      const { job, held: repaired } = this.#running;
      if (job.outcome === undefined) return true;
      this.#running = undefined;
      this.#platform.log(`repair of ${repaired.check.name}: ${explain(job.outcome)}`, true);
      if (job.outcome.status === 0) {
        repaired.startAnew(now);
        return repaired === held;
      }
      if (repaired === held) this.#attempts.set(held, Number.POSITIVE_INFINITY);
    }
    return this.#start(held);
  }

  #start(held: HeldCheck): boolean {
    const { program, timeout, maximum, logFor } = this.#options;
    const own = held.check.repairProgram;
    const repairer = own ?? program;
    const attempts = this.#attempts.get(held) ?? 0;
    const most = maximum === 0 ? Number.POSITIVE_INFINITY : maximum;
    if (repairer === undefined || ORDERS.includes(held.code) || attempts >= most) return false;
    const code = String(held.code);
    const argv = own === undefined ? [repairer, code, held.check.name] : [repairer, "repair", code, repairer];
    this.#attempts.set(held, attempts + 1);
    this.#platform.log(`${held.check.name} has failed; repair by ${repairer}`, true);
    this.#running = { held, job: this.#platform.startJob(["exec", logFor(repairer), ...argv], timeout) };
    return true;
  }
}

function explain({ status, output }: JobOutcome): string {
  if (status === 0) return "done, says its program";
  if (status === NOT_RUN) return `its program cannot be run (errno ${output})`;
  return status > 0 ? `refused, exit code ${status}` : "its program did not end by itself";
}
