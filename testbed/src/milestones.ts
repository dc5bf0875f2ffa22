/** Moments of a guest's life that others wait for before they do something to it. */
import type { Beat, GuestMessage } from "@bernard/protocol";
import type { Received, TestGuest } from "./test-guest.ts";

/** Milliseconds; an emulated boot takes 3 to 5 s on an idle machine. */
const BOOT_MS = 60_000;

/** The first beat, at `sinceMs` or later, of a daemon that has fed its device. */
export function untilFed(guest: TestGuest, sinceMs = 0): Promise<Received<Beat>> {
  const fed = (message: GuestMessage): message is Beat => message.type === "beat" && message.feeds > 0;
  return guest.nextMessage(fed, { deadlineMs: BOOT_MS, sinceMs });
}

/** Since its last boot the guest is fed, and the daemon has seen /data take a write: only what was writable can fail. */
export async function untilDiskWritable(guest: TestGuest): Promise<void> {
  const knows = (message: GuestMessage): message is Beat =>
    message.type === "beat" && message.feeds > 0 && message.checks.some((check) => check.readings.writable === 1);
  await guest.nextMessage(knows, { deadlineMs: BOOT_MS, sinceMs: guest.boots.at(-1)?.atMs ?? 0 });
}
