/** The host's two clocks: judgement goes by the one that never jumps, people by the calendar. */

export interface Clock {
  /** Milliseconds of CLOCK_MONOTONIC, whole. */
  now(): number;
  /** Milliseconds since 1970. */
  date(): number;
}

export const systemClock: Clock = {
  now: () => Number(process.hrtime.bigint() / 1_000_000n),
  date: () => Date.now(),
};

/** When it is by the calendar, as that goes now, that something was or will be at `at`. */
export const dateOf = (clock: Clock, at: number): number => clock.date() - (clock.now() - at);

/** The other way round. */
export const timeOf = (clock: Clock, date: number): number => clock.now() - (clock.date() - date);
