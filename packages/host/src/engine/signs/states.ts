/** Questions about a guest's state that several rules ask. */
import type { GuestRecord } from "../guest-record.ts";

export const isPausedBy = ({ guest }: GuestRecord, reason: string): boolean =>
  guest.state === "paused" && guest.reason === reason;

export const isRunning = ({ guest }: GuestRecord): boolean => guest.state === "running";
