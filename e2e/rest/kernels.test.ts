/** What all other stories show on Debian's 6.1 holds on 6.12 too, where a file system in its error state lets nobody read, and on i386. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { GuestMessage } from "@bernard/protocol";
import { buildImage, failDisk, freeze, type Kernel, QUICK_HOLD_S, type TestGuest, watchRescue } from "@bernard/testbed";
import { bootFedGuest, DAEMON, DEADLINES, fires, isBeat, printed, sh, ticks } from "../stage.ts";

/** At which of its steps the probe meets the end of its file system is chance; 6.1 refuses what is under way then with EIO. */
const kernels: readonly { readonly kernel: Kernel; readonly uname: RegExp; readonly cause: RegExp }[] = [
  {
    kernel: "6.12",
    uname: /^6\.12\.\S+ x86_64$/,
    cause: /^disk:\/data: \/data refuses writes: EIO at \w+, errors_count /,
  },
  {
    kernel: "i386",
    uname: /^6\.1\.\S+ i686$/,
    cause: /^disk:\/data: \/data refuses writes: (EROFS|EIO) at \w+, errors_count /,
  },
];

suite("on another kernel:", { concurrency: 2 }, () => {
  for (const { kernel, uname, cause } of kernels) {
    test(kernel, async (t) => {
      const image = await buildImage((line) => t.diagnostic(line), kernel);
      const guest = await bootFedGuest(t, { image, action: "none" });
      assert.match(await printed(guest, "uname -rm"), uname);
      await t.test("a disk can be read past every cache", () => isReadable(guest));
      await t.test("a freeze is known as one, and left alone", () => freezes(guest));
      await t.test("a fire that the guest survived is noticed, and the device armed anew", () => survivesFire(guest));
      await t.test("a disk that stops writing ends in a reset with its cause told", async (t) => {
        await guest.setAction("reset");
        const faultAt = performance.now();
        await failDisk(guest);
        const rescue = await watchRescue(guest, faultAt, DEADLINES);
        t.diagnostic(JSON.stringify(rescue));
        assert.match(rescue.cause ?? "silence", cause);
        await sh(guest, "touch /data/after && sync"); // a reset brings the disk back
      });
    });
  }
});

/** Longer than a probe's interval, the hold time of a hang and a round together. */
const FREEZE_S = QUICK_HOLD_S + 8;

/** The daemon knows storage that is down only by what it could read before. */
async function isReadable(guest: TestGuest): Promise<void> {
  const known = (message: GuestMessage) =>
    isBeat(message) && message.checks.some(({ readings }) => readings.readable === 1);
  await guest.nextMessage(known, { deadlineMs: 30_000, sinceMs: 0 });
}

async function freezes(guest: TestGuest): Promise<void> {
  await freeze(guest, FREEZE_S);
  await sh(guest, "touch /data/thawed && ! dmesg | grep disk:/data:"); // the daemon has not complained of a freeze
  assert.equal(fires(guest), 0);
}

async function survivesFire(guest: TestGuest): Promise<void> {
  const stopped = performance.now();
  await guest.run(`kill -STOP ${DAEMON}`);
  await guest.nextEvent("WATCHDOG", { deadlineMs: DEADLINES.fireMs, sinceMs: stopped });
  assert.equal(await ticks(guest), false, "the device has switched itself off");
  await guest.run(`kill -CONT ${DAEMON}; until dmesg | grep "armed anew"; do usleep 100000; done`);
  assert.equal(await ticks(guest), true, "it ticks again");
}
