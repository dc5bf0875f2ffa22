/**
 * QEMU's limit of one WATCHDOG event a second: the first is sent at once, those within the second after it are merged, the last of
 * them is sent when the second ends, and begins another. Each carries the time at which it happened, not at which it was sent.
 */
import type { Alarm, Timeline } from "./timeline.ts";

const WINDOW = 1_000_000_000n;

export class EventThrottle<Event> {
  readonly #timeline: Timeline;
  readonly #send: (event: Event) => void;
  readonly #windowEnd: Alarm;
  #inWindow = false;
  #held: Event | undefined;

  /** @param timeline the outside world's: the second goes on while the guest is paused */
  constructor(timeline: Timeline, send: (event: Event) => void) {
    this.#timeline = timeline;
    this.#send = send;
    this.#windowEnd = timeline.alarm(() => this.#endWindow());
  }

  push(event: Event): void {
    if (this.#inWindow) this.#held = event;
    else this.#pass(event);
  }

  /** Nothing is sent any more, what is held is lost. */
  end(): void {
    this.#windowEnd.stop();
    this.#inWindow = true;
    this.#held = undefined;
  }

  #pass(event: Event): void {
    this.#inWindow = true;
    this.#windowEnd.set(this.#timeline.now + WINDOW);
    this.#send(event);
  }

  #endWindow(): void {
    const held = this.#held;
    this.#held = undefined;
    this.#inWindow = false;
    if (held !== undefined) this.#pass(held);
  }
}
