/** What stories have in common: a guest whose daemon feeds its watchdog, scripts that run in it, and what is heard from it. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import type { Beat, Bye, CheckReport, GuestMessage, Hello, LastWords } from "@bernard/protocol";
import {
  bootTestGuest,
  buildImage,
  quickConf,
  type TestGuest,
  type TestGuestOptions,
  untilDiskWritable,
} from "@bernard/testbed";

/** The daemon's file in the guest. */
export const CONF_FILE = "/etc/bernard-guest.conf";

/** Seconds: the shortest that a loaded machine feeds reliably is well above the device's minimum. */
export const TIMEOUT_S = 10;

/** How long (ms) each part of a rescue may take before the story has failed; generous, for the machine may be busy. */
export const DEADLINES = { fireMs: 120_000, feedingMs: 60_000 };

/** For what takes a moment on an idle machine. */
export const SOON = { deadlineMs: 60_000 };

/** How long (ms) a script may run. */
const SCRIPT_MS = 120_000;

export const isHello = (message: GuestMessage): message is Hello => message.type === "hello";
export const isBeat = (message: GuestMessage): message is Beat => message.type === "beat";
export const isLastWords = (message: GuestMessage): message is LastWords => message.type === "last-words";
export const isBye = (message: GuestMessage): message is Bye => message.type === "bye";

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
  const hello = guest.messages.map(({ message }) => message).find(isHello);
  assert.equal(hello?.device?.timeout, TIMEOUT_S, "the device's timeout is the configured one, not the driver's own");
  return guest;
}

/** How often the watchdog has fired. */
export function fires(guest: TestGuest): number {
  return guest.events.filter((event) => event.name === "WATCHDOG").length;
}

/** Runs a script in the guest that must end with `expected`; what it printed. */
export async function sh(guest: TestGuest, script: string, expected = 0): Promise<string> {
  const { code, output } = await guest.run(script, { deadlineMs: SCRIPT_MS });
  assert.equal(code, expected, `${script.trim()}: ${output}`);
  return output;
}

/** As a shell's $(...): what a script printed, without the space around it. */
export async function printed(guest: TestGuest, script: string): Promise<string> {
  return (await sh(guest, script)).trim();
}

/** The first report of a check, from `sinceMs` on, that is as `test` wants it. */
export async function report(
  guest: TestGuest,
  sinceMs: number,
  name: string,
  test: (check: CheckReport) => boolean,
): Promise<CheckReport> {
  const found = (message: GuestMessage) =>
    isBeat(message) ? message.checks.find((check) => check.name === name && test(check)) : undefined;
  const seen = await guest.nextMessage((message) => found(message) !== undefined, { ...SOON, sinceMs });
  return found(seen.message) as CheckReport;
}

/** Has the daemon read its configuration anew, this one where it is given; what it says first then. */
export async function reload(guest: TestGuest, conf?: string): Promise<Hello> {
  if (conf !== undefined) await guest.put(CONF_FILE, Buffer.from(conf));
  const hello = guest.nextMessage(isHello, SOON);
  await sh(guest, `kill -HUP ${DAEMON}`);
  return (await hello).message;
}

/** In the guest's shell: the process id of the daemon, whose children have the same program but higher ids. */
export const DAEMON = "$(pidof bernard-guest | tr ' ' '\\n' | sort -n | head -n 1)";

/**
 * In the guest's shell: prints byte 0x68 of the device's PCI configuration; bit 1: it ticks. QEMU answers for the device only to a read
 * of this one byte.
 */
export const LOCK_BYTE =
  "dd if=\"$(echo '/sys/bus/pci/drivers/i6300ESB timer/'*:*)\"/config bs=1 skip=104 count=1 2> /dev/null | od -An -tu1";

/** Whether the device ticks, asked of the hardware. */
export async function ticks(guest: TestGuest): Promise<boolean> {
  const byte = await printed(guest, LOCK_BYTE);
  assert.match(byte, /^\d+$/, "the device is there to be asked");
  return (Number(byte) & 2) !== 0;
}
