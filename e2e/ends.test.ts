/** What follows when a check has failed, on real guests: each end, what cuts it short, what holds it back, and what the next boot knows. */
import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import type { Hello, LastWords } from "@bernard/protocol";
import { quickConf, type TestGuest, untilFed } from "@bernard/testbed";
import {
  bootFedGuest,
  CONF_FILE,
  DAEMON,
  fires,
  isBeat,
  isHello,
  isLastWords,
  reload,
  SOON,
  sh,
  TIMEOUT_S,
} from "./stage.ts";

/** A program of the guest's owner whose exit code the test chooses, and which the daemon runs as a check. */
const VERDICT = "#!/bin/sh\nexit $(cat /run/verdict)\n";

/** Has the running daemon take `lines` and the program into its configuration: by a reload, so that nothing else is needed for it. */
async function reloadWith(guest: TestGuest, lines: string): Promise<Hello> {
  const conf = `${quickConf(TIMEOUT_S)}retry-timeout = 0\ntest-binary = /run/test\n${lines}`;
  await guest.put("/run/test", Buffer.from(VERDICT));
  await sh(guest, "echo 0 > /run/verdict; chmod +x /run/test");
  return reload(guest, conf);
}

/** Lets the program fail from now on; resolves with the daemon's last words. */
async function fail(guest: TestGuest, code = 5): Promise<LastWords> {
  const words = guest.nextMessage(isLastWords, SOON);
  await sh(guest, `echo ${code} > /run/verdict`);
  return (await words).message;
}

/** The guest is reset, and has booted anew; its control program's restart by a SIGTERM to all is no boot. */
async function untilBackUp(guest: TestGuest, sinceMs: number): Promise<void> {
  const { atMs } = await guest.nextEvent("RESET", { ...SOON, sinceMs });
  await guest.nextBoot({ ...SOON, sinceMs: atMs });
  await untilFed(guest, atMs);
}

/** How the boot before ended, by the record that this boot has taken over. */
async function lastEnd(
  guest: TestGuest,
): Promise<{ readonly bites: number; readonly end: string; readonly check: string }> {
  const record = JSON.parse(await sh(guest, "cat /data/bernard-guest/record.json"));
  return { bites: record.bites.length, end: record.last?.end ?? "none", check: record.last?.check ?? "none" };
}

async function comesBackInOrder(_: TestContext, guest: TestGuest): Promise<void> {
  await reloadWith(guest, "script-end = reboot\n");
  const before = performance.now();
  const words = await fail(guest);
  assert.deepEqual([words.end, words.acts], ["reboot", true]);
  await untilBackUp(guest, before);
  assert.equal(fires(guest), 0, "it was the guest's own reboot, not the device's");
  assert.deepEqual(await lastEnd(guest), { bites: 1, end: "reboot", check: words.check });
}

async function isCutShort(_: TestContext, guest: TestGuest): Promise<void> {
  const firesBefore = fires(guest);
  await reloadWith(guest, "script-end = reboot\nsigterm-delay = 60\nend-deadline = 10\n");
  const before = performance.now();
  await fail(guest);
  await guest.nextEvent("WATCHDOG", { ...SOON, sinceMs: before });
  await untilBackUp(guest, before);
  assert.equal(fires(guest), firesBefore + 1, "the device ended what took too long");
}

async function leavesACrash(_: TestContext, guest: TestGuest): Promise<void> {
  await reloadWith(guest, "script-end = panic\nend-deadline = 10\n");
  const before = performance.now();
  await fail(guest);
  await guest.nextEvent("WATCHDOG", { ...SOON, sinceMs: before });
  await untilBackUp(guest, before);
  const console = (await guest.consoleTail(400)).join("\n");
  assert.match(console, /Kernel panic - not syncing: sysrq triggered crash/);
}

async function spendsItsBudget(_: TestContext, guest: TestGuest): Promise<void> {
  const { bites } = await lastEnd(guest);
  assert.equal(bites, 3, "each of the three ends before was counted once");
  await reloadWith(guest, "script-end = reboot\n");
  const boots = guest.boots.length;
  const words = await fail(guest);
  assert.equal(words.acts, false, "three ends in a day are the budget");
  const later = await guest.nextMessage(isBeat, SOON);
  assert.ok(later.message.feeds > 0);
  assert.equal(guest.boots.length, boots, "it is fed on");
}

async function powersOff(_: TestContext, guest: TestGuest): Promise<void> {
  await reloadWith(guest, "script-end = poweroff\nbite-limit = 9\n");
  const off = guest.nextEvent("SHUTDOWN", SOON);
  assert.equal((await fail(guest)).end, "poweroff");
  assert.equal((await off).data.guest, true, "the guest has switched itself off");
}

async function keepsWhatItHas(_: TestContext, guest: TestGuest): Promise<void> {
  const hello = await reloadWith(guest, "interval = 0.5\n");
  const boot = guest.messages.map(({ message }) => message).find(isHello);
  assert.deepEqual(
    [hello.boot, hello.checks.length],
    [boot?.boot, (boot?.checks.length ?? 0) + 1],
    "the same boot, one check more",
  );
  const refused =
    "reload refused, the old configuration stays in force: /etc/bernard-guest.conf:1: unknown key 'colour'";
  await guest.put(CONF_FILE, Buffer.from("colour = red\n"));
  const output = await sh(
    guest,
    `kill -HUP ${DAEMON}; until dmesg | grep "reload refused"; do usleep 100000; done; pidof bernard-guest > /dev/null`,
  );
  assert.ok(output.includes(refused), output);
  const beat = await guest.nextMessage(isBeat, SOON);
  assert.equal(beat.message.checks.length, hello.checks.length);
  assert.equal(fires(guest), 0);
}

suite("what follows", () => {
  test("a failed check", async (t) => {
    const guest = await bootFedGuest(t);
    await t.test("a reload takes what is good and refuses what is bad, without a gap", (t) => keepsWhatItHas(t, guest));
    await t.test("a reboot in order, which the next boot knows of", (t) => comesBackInOrder(t, guest));
    await t.test("a reboot that takes too long is cut short by the device", (t) => isCutShort(t, guest));
    await t.test("a panic leaves its traces, and the device ends it", (t) => leavesACrash(t, guest));
    await t.test("nothing, once the budget is spent: the guest is fed on, and says why", (t) =>
      spendsItsBudget(t, guest),
    );
    await t.test("a power-off, when that is asked for", (t) => powersOff(t, guest));
  });
});
