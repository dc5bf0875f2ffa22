/** A job that is done again and again, one at a time: how a check tries what only a process of its own may try. */
import type { Job, JobOutcome, Platform, RunningJob } from "./platform.ts";

export class RecurringJob {
  readonly #platform: Platform;
  readonly #job: Job;
  readonly #deadline: number;
  #running: RunningJob | undefined;
  /** When (ms) the last one was started. */
  startedAt = Number.NEGATIVE_INFINITY;

  /** @param deadline milliseconds after which one that has not ended is killed */
  constructor(platform: Platform, job: Job, deadline: number) {
    this.#platform = platform;
    this.#job = job;
    this.#deadline = deadline;
  }

  /** How the last one ended, once. */
  take(): JobOutcome | undefined {
    const outcome = this.#running?.outcome;
    if (outcome !== undefined) this.#running = undefined;
    return outcome;
  }

  /** While one is out, its check wants to look each round, whatever its period. */
  get isOut(): boolean {
    return this.#running !== undefined;
  }

  /** Starts it, where none is out and the last one was started `interval` ms ago. */
  startWhenDue(now: number, interval: number): void {
    if (this.isOut || now - this.startedAt < interval) return;
    this.startedAt = now;
    this.#running = this.#platform.startJob(this.#job, this.#deadline);
  }
}
