/** Drives a timeline by this machine's clock: v86 knows no other time. */
import type { Timeline } from "../src/index.ts";

/** Milliseconds: a timer that was started meanwhile is noticed after so long at the latest. */
const LOOK = 20;

export class RealTime {
  readonly #timeline: Timeline;
  readonly #start = process.hrtime.bigint();
  readonly #offset: bigint;
  readonly #interval: NodeJS.Timeout;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
    this.#offset = timeline.now;
    this.#interval = setInterval(() => this.catchUp(), LOOK);
  }

  catchUp(): void {
    this.#timeline.runUntil(this.#offset + process.hrtime.bigint() - this.#start);
  }

  end(): void {
    clearInterval(this.#interval);
  }
}
