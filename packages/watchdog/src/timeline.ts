/**
 * The time of the outside world, told by whoever drives the devices, and what is to happen at which nanosecond of it. One
 * timeline serves any number of guests, each with a clock of its own (virtual-clock.ts).
 *
 * Outside, times are bigint. Inside they are doubles that count from a base and stay whole numbers below 2^53: the base moves on
 * before they could grow so large.
 */
import { type HeapEntry, TimerHeap } from "./timer-heap.ts";

/** Nanoseconds (26 days) after which the base moves on. */
const REBASE = 2 ** 51;

/** The furthest deadline, in nanoseconds from now (78 days): beyond, a double might not be a whole number. */
const FURTHEST = 3 * REBASE;

export class Timeline {
  #base: bigint;
  #elapsed = 0;
  readonly #heap = new TimerHeap<Alarm>();

  constructor(now = 0n) {
    this.#base = now;
  }

  get now(): bigint {
    return this.#base + BigInt(this.#elapsed);
  }

  /** When the next alarm rings; none is set: undefined. */
  get next(): bigint | undefined {
    return this.#heap.first === undefined ? undefined : this.#base + BigInt(this.#heap.firstKey);
  }

  alarm(ring: () => void): Alarm {
    return new Alarm(this, ring);
  }

  /** Rings every alarm up to and at `time`, each at its own nanosecond, and stays there. */
  runUntil(time: bigint): void {
    if (time < this.now) throw new RangeError(`time goes on only: it is ${this.now} ns, not ${time} ns`);
    while (this.#heap.firstKey <= Number(time - this.#base)) this.runNext();
    if (this.#heap.first === undefined) {
      this.#base = time;
      this.#elapsed = 0;
    } else {
      this.#elapsed = Number(time - this.#base); // less than a deadline, so exact
      this.#keepExact();
    }
  }

  /** Goes to the next alarm and rings it; false where none is set. */
  runNext(): boolean {
    const alarm = this.#heap.first;
    if (alarm === undefined) return false;
    this.#elapsed = Math.max(this.#elapsed, this.#heap.firstKey);
    this.#heap.remove(alarm);
    this.#keepExact();
    alarm.ring();
    return true;
  }

  /** For alarms only. */
  set(alarm: Alarm, time: bigint): void {
    const key = Number(time - this.#base);
    if (key - this.#elapsed > FURTHEST) {
      throw new RangeError(`an alarm can be set ${FURTHEST} ns ahead at most, not ${time - this.now} ns`);
    }
    this.#heap.set(alarm, Math.max(key, this.#elapsed));
  }

  /** For alarms only. */
  remove(alarm: Alarm): void {
    this.#heap.remove(alarm);
  }

  #keepExact(): void {
    if (this.#elapsed < REBASE) return;
    this.#base += BigInt(this.#elapsed);
    this.#heap.shift(-this.#elapsed);
    this.#elapsed = 0;
  }
}

/** Rings once, at the time it was last set to. */
export class Alarm implements HeapEntry {
  /** The heap's. */
  place = -1;
  readonly ring: () => void;
  readonly #timeline: Timeline;

  constructor(timeline: Timeline, ring: () => void) {
    this.#timeline = timeline;
    this.ring = ring;
  }

  /** A time that is past means now: the alarm rings before time goes on. */
  set(time: bigint): void {
    this.#timeline.set(this, time);
  }

  stop(): void {
    this.#timeline.remove(this);
  }
}
