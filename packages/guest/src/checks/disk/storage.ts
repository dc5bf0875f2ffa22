/**
 * Whether the storage under a failing file system answers: what is down there is not cured by a reset, and a guest that is reset then
 * may not even boot. While a write is refused or hangs, the block device itself is read, past every cache, by a job.
 */
import type { Platform, RunningJob } from "../../platform.ts";
import { KILLED, TIMED_OUT, UNBORN } from "../../platform.ts";

/** Milliseconds: a device that has not answered by then hangs. */
const READ_DEADLINE = 10_000;

/** Milliseconds from one answer to the next question: in trouble, and until a device has been read for the first time. */
const INTERVAL = 5000;
const FIRST_INTERVAL = 60_000;

/** Milliseconds for what has waited for the storage to get done once it is back. */
const SETTLE = 10_000;

/** No fault of the device's: it takes no such reads, or we got no memory or descriptor for them. */
const NO_ANSWER = [1, 12, 13, 22, 23, 24, KILLED, UNBORN];

/** What a trouble comes to, with what is known of the storage. */
export interface Outlook {
  /** When (ms) it counts as failed. */
  readonly failsAt: number;
  /** More to the reason; empty where the storage is well. */
  readonly because: string;
}

export class Storage {
  readonly #device: string;
  readonly #platform: Platform;
  /** Milliseconds that storage that is down is waited for. */
  readonly #wait: number;
  #job: RunningJob | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  #nextAt = Number.NEGATIVE_INFINITY;
  /** It was read at some time: only then can a read that fails say anything. */
  #known = false;
  /** There was an answer in this trouble. */
  #fresh = false;
  /** Since when (ms) it does not answer, undefined when it does. */
  #downSince: number | undefined;
  #backAt = Number.NEGATIVE_INFINITY;
  #how = "";

  /** @param device its name in /dev @param wait milliseconds that storage that is down is waited for */
  constructor(device: string, wait: number, platform: Platform) {
    this.#device = device;
    this.#wait = wait;
    this.#platform = platform;
  }

  /** 1 and 0 by the last read, -1 where none has succeeded yet. */
  get readable(): number {
    return this.#known ? Number(this.#downSince === undefined) : -1;
  }

  /** All is well: only finds out, once, that the device can be read. */
  rest(now: number): void {
    this.#takeAnswer(now);
    this.#fresh = false;
    this.#downSince = undefined;
    this.#backAt = Number.NEGATIVE_INFINITY;
    if (!this.#known) this.#askWhenDue(now, FIRST_INTERVAL);
  }

  /** Something is wrong, and would count as failed at `failsAt`: reads, again and again. */
  judge(now: number, failsAt: number): Outlook {
    if (!this.#known) return { failsAt, because: "" };
    this.#takeAnswer(now);
    if (!this.#fresh) this.#nextAt = now;
    this.#askWhenDue(now, INTERVAL);
    if (this.#downSince !== undefined) {
      const seconds = Math.round((now - this.#downSince) / 1000);
      const because = `${this.#how} for ${seconds} s, which no reset cures: waiting for it`;
      return { failsAt: Math.max(failsAt, this.#downSince + this.#wait), because };
    }
    // Not before the first answer, which storage that is well gives within milliseconds.
    return { failsAt: Math.max(failsAt, this.#fresh ? this.#backAt + SETTLE : now + READ_DEADLINE), because: "" };
  }

  #askWhenDue(now: number, interval: number): void {
    if (this.#job !== undefined || now < this.#nextAt) return;
    this.#askedAt = now;
    this.#nextAt = now + interval;
    this.#job = this.#platform.startJob(["readDevice", this.#device], READ_DEADLINE, "wake");
  }

  #takeAnswer(now: number): void {
    const outcome = this.#job?.outcome;
    if (outcome === undefined) return;
    this.#job = undefined;
    this.#fresh = true;
    const { status } = outcome;
    if (NO_ANSWER.includes(status)) return;
    if (status === 0) {
      this.#known = true;
      if (this.#downSince === undefined) return;
      this.#downSince = undefined;
      this.#backAt = now;
      this.#platform.log(`${this.#device} can be read again`, true);
    } else if (this.#known && this.#downSince === undefined) {
      this.#downSince = this.#askedAt;
      this.#how = `its device ${this.#device} ${status === TIMED_OUT ? "does not answer" : `cannot be read (errno ${status})`}`;
      this.#platform.log(
        `${this.#device}: storage is down; no reset cures that, so it gets up to ${this.#wait / 1000} s`,
        true,
      );
    }
  }
}
