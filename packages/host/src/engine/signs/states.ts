/** Questions about a guest's state that several rules ask. */
import type { GuestRecord } from "../guest-record.ts";

export const isPausedBy = ({ guest }: GuestRecord, reason: string): boolean =>
  guest.state === "paused" && guest.reason === reason;

/**
 * Whether its emulator has nothing to do that keeps it from answering, as a start, a snapshot or a dump has. One that stands may be
 * stuck: QEMU first halts the processors, and then waits for its storage.
 */
export const isAnswering = (now: GuestRecord): boolean =>
  isRunning(now) || ["user", "watchdog", "ioerror"].some((reason) => isPausedBy(now, reason));

export const isRunning = ({ guest }: GuestRecord): boolean => guest.state === "running";
