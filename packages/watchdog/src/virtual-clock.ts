/**
 * One guest's time, QEMU's QEMU_CLOCK_VIRTUAL: it stands still while the guest is paused and goes on where it stood, so
 * that no guest is punished for time in which it could not run. Timers of the guest's devices go by it.
 */
import { StateError } from "./state-error.ts";
import type { Alarm, Timeline } from "./timeline.ts";

export interface ClockState {
  readonly version: 1;
  /** Nanoseconds since the guest's power-on in which it ran. */
  readonly now: bigint;
  readonly running: boolean;
}

export class VirtualClock {
  readonly #timeline: Timeline;
  readonly #timers: Timer[] = [];
  /** Outside time of this clock's zero, while it runs. */
  #zero: bigint;
  #stoppedAt: bigint | undefined;
  #starts = 0;

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
    this.#zero = timeline.now;
  }

  get now(): bigint {
    return this.#stoppedAt ?? this.#timeline.now - this.#zero;
  }

  get running(): boolean {
    return this.#stoppedAt === undefined;
  }

  pause(): void {
    if (!this.running) return;
    this.#stoppedAt = this.now;
    for (const timer of this.#timers) timer.alarm.stop();
  }

  resume(): void {
    if (this.#stoppedAt === undefined) return;
    this.#zero = this.#timeline.now - this.#stoppedAt;
    this.#stoppedAt = undefined;
    const armed = this.#timers.filter((timer) => timer.deadline !== undefined);
    armed.sort((a, b) => Number(a.deadline! - b.deadline!) || a.order - b.order);
    for (const timer of armed) timer.alarm.set(this.#zero + timer.deadline!);
  }

  state(): ClockState {
    return { version: 1, now: this.now, running: this.running };
  }

  /** Goes on from a saved time. The timers are their devices' to restore, afterwards. */
  restore(state: ClockState): void {
    if (state.version !== 1) throw new StateError("clock", `has version ${state.version}, known is 1`);
    for (const timer of this.#timers) timer.stop();
    this.#zero = this.#timeline.now - state.now;
    this.#stoppedAt = state.running ? undefined : state.now;
  }

  timer(expire: () => void): Timer {
    const timer = new Timer(this, this.#timeline, expire);
    this.#timers.push(timer);
    return timer;
  }

  /** Takes out the timer of a device that has been removed. */
  forget(timer: Timer): void {
    timer.stop();
    const at = this.#timers.indexOf(timer);
    if (at !== -1) this.#timers.splice(at, 1);
  }

  /** For timers only: sets the alarm unless the clock stands, and counts the start. */
  arm(timer: Timer, deadline: bigint): number {
    if (this.#stoppedAt === undefined) timer.alarm.set(this.#zero + deadline);
    return this.#starts++;
  }
}

/** Expires once, at the virtual time it was last started for. */
export class Timer {
  readonly alarm: Alarm;
  /** Tells which of two timers with one deadline was started first. */
  order = 0;
  readonly #clock: VirtualClock;
  #deadline: bigint | undefined;

  constructor(clock: VirtualClock, timeline: Timeline, expire: () => void) {
    this.#clock = clock;
    this.alarm = timeline.alarm(() => {
      this.#deadline = undefined;
      expire();
    });
  }

  /** Virtual nanoseconds; undefined while it is not started. */
  get deadline(): bigint | undefined {
    return this.#deadline;
  }

  start(deadline: bigint): void {
    this.#deadline = deadline;
    this.order = this.#clock.arm(this, deadline);
  }

  stop(): void {
    this.#deadline = undefined;
    this.alarm.stop();
  }
}
