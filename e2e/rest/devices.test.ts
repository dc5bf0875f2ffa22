/** Which watchdog device the daemon takes, by what each is and not by its number; and what becomes of a guest that has none. */
import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import type { GuestMessage, Hello } from "@bernard/protocol";
import { bootTestGuest, buildImage, type TestGuest } from "@bernard/testbed";
import { CONF_FILE, DAEMON, fires, isBeat, isHello, printed, SOON, sh } from "../stage.ts";

const CONF = "watchdog-timeout = 10\ndisk = none\ngrace = 0\nstate-directory = none\n";

/** Starts the daemon with these lines besides; what it says of itself, first. */
async function start(guest: TestGuest, lines = ""): Promise<Hello> {
  await guest.put(CONF_FILE, Buffer.from(CONF + lines));
  const hello = guest.nextMessage(isHello, SOON);
  await sh(guest, `dmesg -c; (bernard-guest --config ${CONF_FILE}; echo $? > /run/code) < /dev/null 2> /dev/null &`);
  return (await hello).message;
}

/** Stops it cleanly; its exit code. */
async function stop(guest: TestGuest): Promise<string> {
  return printed(
    guest,
    `rm -f /run/code; kill ${DAEMON}; until [ -s /run/code ]; do usleep 50000; done; cat /run/code`,
  );
}

/** What it says where it refuses to start, and its exit code. */
async function refusal(guest: TestGuest, lines: string): Promise<string> {
  await guest.put(CONF_FILE, Buffer.from(CONF + lines));
  const { code, output } = await guest.run(`bernard-guest --config ${CONF_FILE}`, SOON);
  return `${code}: ${output.trim()}`;
}

/** None at all; then a driver is loaded, and what it drives is taken. */
async function comesLate(guest: TestGuest): Promise<void> {
  const none = await start(guest);
  assert.deepEqual([none.device, none.mode], [null, "observe"]);
  assert.match(await sh(guest, "dmesg"), /NOT PROTECTED: this guest has no watchdog device/);
  const late = guest.nextMessage(isHello, SOON);
  await sh(guest, "/lib/testbed/load i6300esb");
  const { message } = await late;
  assert.deepEqual([message.device, message.mode], [{ identity: "i6300ESB timer", timeout: 10 }, "act"]);
  const fed = (beat: GuestMessage) => isBeat(beat) && beat.feeds > 0;
  await guest.nextMessage(fed, SOON);
  assert.equal(await stop(guest), "0");
}

async function isGoneAlways(guest: TestGuest): Promise<void> {
  await sh(guest, "rmmod i6300esb");
  await start(guest);
  await guest.nextMessage(isBeat, SOON);
  assert.equal(await stop(guest), "0", "it lived without a device, and ended well");
}

async function isSoftware(guest: TestGuest): Promise<void> {
  await sh(guest, "/lib/testbed/load softdog");
  const none = await start(guest);
  assert.equal(none.device, null, "not unless it is asked for");
  await stop(guest);
  assert.equal(
    await refusal(guest, "watchdog-device = /dev/watchdog0\n"),
    "3: bernard-guest: /dev/watchdog0: Software Watchdog is only the kernel's own timer and dies with the kernel; " +
      "'software = yes' takes it all the same",
  );
  for (const device of ["auto", "/dev/watchdog0"]) {
    const hello = await start(guest, `watchdog-device = ${device}\nsoftware = yes\n`);
    assert.deepEqual(hello.device, { identity: "Software Watchdog", timeout: 10 });
    assert.equal(await stop(guest), "0");
  }
}

/** The kernel is told in time, and by the governor's choice only says so. */
async function hasPretimeout(guest: TestGuest): Promise<void> {
  await sh(guest, "/lib/testbed/load pretimeout");
  await start(guest, "software = yes\nwatchdog-pretimeout = 8\n");
  assert.equal(await printed(guest, "cat /sys/class/watchdog/watchdog0/pretimeout"), "8");
  await sh(
    guest,
    `echo noop > /sys/class/watchdog/watchdog0/pretimeout_governor
    kill -STOP ${DAEMON}
    until dmesg | grep "watchdog0: pretimeout event"; do usleep 50000; done
    kill -CONT ${DAEMON}`,
  );
  assert.equal(await stop(guest), "0");
}

/** The better one is there last, so it has the higher number. */
async function isTheBest(guest: TestGuest): Promise<void> {
  await sh(guest, "/lib/testbed/load itco && insmod /lib/modules/i6300esb.ko");
  const identities = await printed(guest, "cat /sys/class/watchdog/watchdog*/identity");
  assert.deepEqual(identities.split("\n"), ["Software Watchdog", "iTCO_wdt", "i6300ESB timer"]);
  const hello = await start(guest, "software = yes\n");
  assert.deepEqual(hello.device, { identity: "i6300ESB timer", timeout: 10 });
  assert.equal(await stop(guest), "0");
}

/** Fed, it lives; unfed, its second expiry ends the guest, after about the timeout that was asked for. */
async function isTheChipsets(guest: TestGuest): Promise<void> {
  await sh(guest, "rmmod i6300esb");
  const hello = await start(guest);
  assert.equal(hello.device?.identity, "iTCO_wdt");
  const beat = (await guest.nextMessage(isBeat, SOON)).message;
  await guest.nextMessage((message) => isBeat(message) && message.feeds > beat.feeds + 15, SOON);
  assert.equal(fires(guest), 0, "fed for longer than its timeout");
  const stopped = performance.now();
  await sh(guest, `kill -STOP ${DAEMON}`);
  await guest.nextEvent("WATCHDOG", { ...SOON, sinceMs: stopped });
  await guest.nextBoot({ ...SOON, sinceMs: stopped });
}

suite("the watchdog device", () => {
  test("on a machine of the kind q35", async (t: TestContext) => {
    const image = await buildImage((line) => t.diagnostic(line));
    const guest = await bootTestGuest({ image, machine: "q35", watchdog: "i6300esb" });
    t.after(() => guest.stop());
    await sh(guest, "rmmod i6300esb; ! ls /sys/class/watchdog | grep .");
    const stories: readonly (readonly [string, (guest: TestGuest) => Promise<void>])[] = [
      ["that comes late is taken late", comesLate],
      ["that is not there ends nothing, and is no crash", isGoneAlways],
      ["that is software is taken only where that is asked for", isSoftware],
      ["tells the kernel first, where it can", hasPretimeout],
      ["is the best of three, whatever their numbers", isTheBest],
      ["of the chipset is fed, and fires", isTheChipsets],
    ];
    for (const [name, story] of stories) await t.test(name, () => story(guest));
  });
});
