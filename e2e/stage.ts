/** What every story starts from: a guest whose daemon feeds its watchdog, and the end of it with the test. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Hello } from "@bernard/protocol";
import {
  bootTestGuest,
  buildImage,
  quickConf,
  type TestGuest,
  type TestGuestOptions,
  untilDiskWritable,
} from "@bernard/testbed";

/** Seconds: the shortest that a loaded machine feeds reliably is well above the device's minimum. */
export const TIMEOUT_S = 10;

/** How long (ms) each part of a rescue may take before the story has failed; generous, for the machine may be busy. */
export const DEADLINES = { fireMs: 120_000, feedingMs: 60_000 };

/** Boots a guest that bernard-guest feeds; it is stopped when the test ends, however it ends. */
export async function bootFedGuest(t: TestContext, options: Partial<TestGuestOptions> = {}): Promise<TestGuest> {
  const image = await buildImage((line) => t.diagnostic(line));
  const guest = await bootTestGuest({
    image,
    watchdog: "i6300esb",
    feeder: "bernard",
    conf: quickConf(TIMEOUT_S),
    ...options,
  });
  t.after(() => guest.stop());
  await untilDiskWritable(guest);
  const hello = guest.messages.find(({ message }) => message.type === "hello")?.message as Hello;
  assert.equal(hello.device?.timeout, TIMEOUT_S, "the device's timeout is the configured one, not the driver's own");
  return guest;
}

/** How often the watchdog has fired. */
export function fires(guest: TestGuest): number {
  return guest.events.filter((event) => event.name === "WATCHDOG").length;
}

/** In the guest's shell: the process id of the daemon, whose children have the same program but higher ids. */
export const DAEMON = "$(pidof bernard-guest | tr ' ' '\\n' | sort -n | head -n 1)";

/** Byte 0x68 of the device's PCI configuration; bit 1: it ticks. QEMU answers for the device only to a read of this one byte. */
const LOCK_BYTE =
  "cd '/sys/bus/pci/drivers/i6300ESB timer' && dd if=$(echo *:*)/config bs=1 skip=104 count=1 2> /dev/null | xxd -p";

export async function lockByte(guest: TestGuest): Promise<number> {
  const { code, output } = await guest.run(LOCK_BYTE);
  assert.equal(code, 0, output);
  return Number.parseInt(output, 16);
}
