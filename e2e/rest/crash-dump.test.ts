/** A guest with a crash kernel (kdump): its dump is completed where the watchdog's time does for it, and cut short where it does not. */
import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { buildCrashImage, quickConf, type TestGuest, untilFed } from "@bernard/testbed";
import { bootFedGuest, CONF_FILE, fires, isLastWords, reload, sh, TIMEOUT_S } from "../stage.ts";

/** A dump takes its time. */
const PATIENT = { deadlineMs: 120_000 };

/** Seconds that do for a dump, by the warning; an emulated guest takes 15 to 30. */
const ENOUGH_S = 180;

const WARNING = `warning: a crash kernel is loaded, and ${TIMEOUT_S} s after a crash the watchdog fires into its dump; raise watchdog-timeout to ${ENOUGH_S}`;

/** As the guest's own kernel is booted, but on one processor and over devices that a crash has left as they were. */
const LOAD_CRASH_KERNEL = `cd /lib/crash && ./load-crash-kernel vmlinuz initrd \
"console=ttyS0 quiet no_timer_check mitigations=off cryptomgr.notests nr_cpus=1 reset_devices"`;

async function untilBackUp(guest: TestGuest, sinceMs: number): Promise<void> {
  await guest.nextBoot({ ...PATIENT, sinceMs });
  await untilFed(guest, sinceMs);
}

async function warns(guest: TestGuest): Promise<void> {
  const check = (file: string) => sh(guest, `bernard-guest --config ${file} --check 2>&1`);
  assert.equal(await check(CONF_FILE), `${CONF_FILE}: valid\n`, "without a crash kernel there is nothing to warn of");
  await sh(guest, LOAD_CRASH_KERNEL);
  assert.equal(await check(CONF_FILE), `bernard-guest: ${WARNING}\n${CONF_FILE}: valid\n`);
  await sh(guest, `echo "watchdog-timeout = ${ENOUGH_S}" > /run/long.conf`);
  assert.equal(await check("/run/long.conf"), "/run/long.conf: valid\n");
  await reload(guest);
  await sh(guest, `until dmesg | grep "${WARNING}"; do usleep 100000; done`);
}

/** The daemon's own end by a panic. The device ticks on, for nobody feeds it: all must be done before it fires. */
async function completes(t: TestContext, guest: TestGuest): Promise<void> {
  const failing = `retry-timeout = 0\ntest-binary = /run/test\nscript-end = panic\nend-deadline = ${ENOUGH_S}\n`;
  await guest.put("/run/test", Buffer.from("#!/bin/sh\nexit $(cat /run/verdict)\n"));
  await sh(guest, "echo 0 > /run/verdict; chmod +x /run/test");
  await reload(guest, quickConf(TIMEOUT_S) + failing);
  const clock = async () => Number(await sh(guest, "date +%s"));
  const before = await clock();
  const words = guest.nextMessage(isLastWords, PATIENT);
  await sh(guest, "echo 5 > /run/verdict");
  const { message, atMs } = await words;
  assert.deepEqual([message.end, message.acts], ["panic", true]);
  const reset = await guest.nextEvent("RESET", { deadlineMs: (ENOUGH_S + 30) * 1000, sinceMs: atMs });
  t.diagnostic(`${((reset.atMs - atMs) / 1000).toFixed(1)} s from the last words to the crash kernel's reboot`);
  assert.equal(fires(guest), 0, "the crash kernel has rebooted, not the device");
  await untilBackUp(guest, reset.atMs);
  const start = Buffer.from(await sh(guest, "lzop -dc /data/vmcore.lzo | head -c 16384 | base64"), "base64");
  const crashedAt = Number(/^CRASHTIME=(\d+)$/m.exec(start.toString("latin1"))?.[1]);
  assert.ok(crashedAt >= before && crashedAt <= (await clock()), `the dump is of this crash, and not of ${crashedAt}`);
  assert.equal(Number(await sh(guest, "lzop -dc /data/vmcore.lzo | wc -c")), sizeOf(start), "all of it is there");
  assert.match(await sh(guest, "bernard-guest last", 1), /ended by bernard-guest, .*, panic: script:\/run\/test /);
}

/** Where the last segment of the file ends that starts so. Layout: elf(5), Elf64_Ehdr and Elf64_Phdr */
function sizeOf(start: Buffer): number {
  assert.equal(start.toString("latin1", 0, 4), "\x7fELF");
  const headers = Number(start.readBigUInt64LE(32));
  const [length, count] = [start.readUInt16LE(54), start.readUInt16LE(56)];
  const ends = Array.from({ length: count }, (_, index) => {
    const at = headers + index * length;
    return Number(start.readBigUInt64LE(at + 8) + start.readBigUInt64LE(at + 32));
  });
  return Math.max(...ends);
}

/** A crash that is none of the daemon's doing, with the timeout that it has warned of. */
async function isCutShort(guest: TestGuest): Promise<void> {
  await sh(guest, `rm /data/vmcore.lzo && sync && ${LOAD_CRASH_KERNEL}`);
  await guest.throttle("data", "writes"); // a fast machine's dump would be done in time
  const before = performance.now();
  await assert.rejects(guest.run("echo c > /proc/sysrq-trigger", PATIENT), /the guest was reset/);
  const { atMs } = await guest.nextEvent("WATCHDOG", { ...PATIENT, sinceMs: before });
  await guest.throttle("data", "nothing");
  await untilBackUp(guest, atMs);
  assert.equal(fires(guest), 1);
  assert.equal(await sh(guest, "[ ! -e /data/vmcore.lzo ]; echo $?"), "0\n", "the dump was not completed");
  assert.match(await sh(guest, "bernard-guest last", 1), /^the previous boot was ended by the watchdog: /);
}

suite("with a crash kernel loaded", () => {
  test("a guest", async (t) => {
    const guest = await bootFedGuest(t, { image: await buildCrashImage((line) => t.diagnostic(line)) });
    await t.test("is warned of a timeout that is shorter than a dump", () => warns(guest));
    await t.test("completes the dump after a panic that has time for it", (t) => completes(t, guest));
    await t.test("is reset before it is done where the timeout is shorter", () => isCutShort(guest));
  });
});
