/** What every story starts from: a guest whose daemon feeds its watchdog, and the end of it with the test. */
import type { TestContext } from "node:test";
import type { Beat, GuestMessage } from "@bernard/protocol";
import { bootTestGuest, buildImage, type TestGuest, type TestGuestOptions } from "@bernard/testbed";

/** Seconds: the shortest that a loaded machine feeds reliably is well above the device's minimum. */
export const TIMEOUT_S = 10;

/** How long (ms) each part of a rescue may take before the story has failed; generous, for the machine may be busy. */
export const DEADLINES = { fireMs: 120_000, feedingMs: 60_000 };

const conf = `watchdog-timeout = ${TIMEOUT_S}
disk = /data
disk-probe-interval = 5
disk-hold = 5
hang-hold = 5
memory-hold = 5
max-memory-pressure = 20
state-directory = /data/bernard-guest
`;

/** Boots a guest that bernard-guest feeds; it is stopped when the test ends, however it ends. */
export async function bootFedGuest(t: TestContext, options: Partial<TestGuestOptions> = {}): Promise<TestGuest> {
  const image = await buildImage((line) => t.diagnostic(line));
  const guest = await bootTestGuest({ image, watchdog: "i6300esb", feeder: "bernard", conf, ...options });
  t.after(() => guest.stop());
  await guest.nextMessage(knowsDiskWritable, { deadlineMs: DEADLINES.feedingMs, sinceMs: 0 });
  return guest;
}

/** The daemon has fed and has seen /data take a write: only what was writable can fail. */
export function knowsDiskWritable(message: GuestMessage): message is Beat {
  return message.type === "beat" && message.feeds > 0 && message.checks.some((check) => check.readings.writable === 1);
}

/** How often the watchdog has fired. */
export function fires(guest: TestGuest): number {
  return guest.events.filter((event) => event.name === "WATCHDOG").length;
}

/** In the guest's shell: the process id of the daemon, whose children have the same program but higher ids. */
export const DAEMON = "$(pidof bernard-guest | tr ' ' '\\n' | sort -n | head -n 1)";
