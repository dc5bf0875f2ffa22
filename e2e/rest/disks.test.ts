/** Disks and file systems that go bad in every way but the plain one (rescue.test.ts), and what only looks like it. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Beat, CheckReport, GuestMessage } from "@bernard/protocol";
import {
  buildImage,
  type FileSystem,
  failDisk,
  loseStorage,
  quickConf,
  restoreStorage,
  shutDownFileSystem,
  type TestGuest,
  untilDiskWritable,
  watchRescue,
} from "@bernard/testbed";
import { bootFedGuest, DAEMON, DEADLINES, fires, isBeat, sh, TIMEOUT_S } from "../stage.ts";

/** No hold time of these tests' length: what fires needs none. The disk is found in /etc/fstab. */
const CERTAIN_ONLY = `${quickConf(TIMEOUT_S)
  .split("\n")
  .filter((line) => !/^(disk|disk-hold|hang-hold) =/.test(line))
  .join("\n")}disk-hold = 3600
hang-hold = 3600
`;

/** What a disk's reason says while its storage is down. */
const WAITING = /which no reset cures: waiting for it$/;

/** A beat in which this check reads so. */
const reads =
  (name: string, test: (check: CheckReport) => boolean) =>
  (message: GuestMessage): message is Beat =>
    isBeat(message) && message.checks.some((check) => check.name === name && test(check));

/** The rescue from a trouble that began with `fault`, and that the guest came back writable. */
async function rescued(guest: TestGuest, fault: () => Promise<void>): Promise<string> {
  await untilDiskWritable(guest);
  const before = fires(guest);
  const faultAt = performance.now();
  await fault();
  const { cause } = await watchRescue(guest, faultAt, DEADLINES);
  assert.equal(fires(guest), before + 1, "one trouble, one fire");
  await sh(guest, "touch /data/after && sync");
  return cause ?? "silence";
}

suite("a disk", { concurrency: 2 }, () => {
  test("with ext4 on it", async (t) => {
    const conf = `${CERTAIN_ONLY.replace("hang-hold = 3600", "hang-hold = 8")}freeze-limit = 6
kernel-message = EXT4-fs (*): re-mounted
`;
    const guest = await bootFedGuest(t, { conf, servedDisk: "data" });

    await t.test("counts errors and goes on writing (errors=continue): left alone", async () => {
      const since = performance.now();
      await sh(guest, "mount -o remount,errors=continue /data && echo test > /sys/fs/ext4/dm-0/trigger_fs_error");
      const counted = reads("disk:/data", ({ readings }) => readings.errors_risen === 1 && readings.writable === 1);
      const { atMs } = await guest.nextMessage(counted, { deadlineMs: 30_000, sinceMs: since });
      const after = await guest.nextMessage(isBeat, { deadlineMs: 30_000, sinceMs: atMs + 1 });
      const disk = after.message.checks.find(({ name }) => name === "disk:/data");
      assert.equal(disk?.verdict, "healthy");
      await sh(guest, "mount -o remount,errors=remount-ro /data");
    });

    await t.test("is frozen for too long: thawed, and nothing else", async () => {
      const since = performance.now();
      await sh(guest, "fsfreeze --freeze /data");
      const frozen = reads("disk:/data", ({ readings }) => readings.frozen === 1);
      await guest.nextMessage(frozen, { deadlineMs: 30_000, sinceMs: since });
      const thawed = reads("disk:/data", ({ readings }) => readings.waiting_s === 0 && readings.writable === 1);
      await guest.nextMessage(thawed, { deadlineMs: 40_000 });
      await sh(guest, "touch /data/thawed && sync");
      assert.equal(fires(guest), 0);
    });

    await t.test(
      "is talked of by the kernel, in a flood of messages: heard, and the flood costs next to nothing",
      async () => {
        const cpuTicks = async () =>
          Number(
            (await sh(guest, `cut -d' ' -f14,15 /proc/${DAEMON}/stat | tr ' ' +`))
              .trim()
              .split("+")
              .reduce((sum, part) => String(Number(sum) + Number(part)), "0"),
          );
        const before = await cpuTicks();
        await sh(
          guest,
          `echo on > /proc/sys/kernel/printk_devkmsg
        yes '<6>flood of log' | dd bs=16 count=100000 iflag=fullblock of=/dev/kmsg`,
        );
        const spent = (await cpuTicks()) - before;
        t.diagnostic(`a flood of 100000 messages took ${spent} ticks of 10 ms`);
        const since = performance.now();
        await sh(guest, "mount -o remount,errors=remount-ro /data");
        const told = reads(
          "kernel-log",
          ({ verdict, reason }) => verdict === "failed" && reason.includes("re-mounted"),
        );
        await guest.nextMessage(told, { deadlineMs: 20_000, sinceMs: since });
        assert.equal(fires(guest), 0, "a message alone ends no guest");
      },
    );

    await t.test("hangs with its storage: waited for, and well again when that is back", async () => {
      const since = performance.now();
      guest.stallStorage();
      const waiting = reads("disk:/data", ({ verdict, reason }) => verdict === "failing" && WAITING.test(reason));
      await guest.nextMessage(waiting, { deadlineMs: 60_000, sinceMs: since });
      guest.resumeStorage();
      const well = reads("disk:/data", ({ verdict, readings }) => verdict === "healthy" && readings.writable === 1);
      await guest.nextMessage(well, { deadlineMs: 60_000 });
      assert.equal(fires(guest), 0);
    });

    await t.test("goes into ext4's error state: certain, so no hold time counts", async () => {
      assert.match(
        await rescued(guest, () => failDisk(guest)),
        /^disk:\/data: \/data refuses writes: (EROFS|EIO) at .*errors_count 0 -> /,
      );
    });

    await t.test("is cut off from its storage: waited for, and only when that is back the guest is reset", async () => {
      const cause = await rescued(guest, async () => {
        const since = performance.now();
        await loseStorage(guest);
        await guest.run("mkdir /data/lost; sync");
        const waiting = reads("disk:/data", ({ verdict, reason }) => verdict === "failing" && WAITING.test(reason));
        await guest.nextMessage(waiting, { deadlineMs: 30_000, sinceMs: since });
        // A beat more: without the storage's silence it would have failed at once.
        await guest.nextMessage(waiting, { deadlineMs: 30_000 });
        await restoreStorage(guest);
      });
      assert.match(cause, /^disk:\/data: \/data refuses writes: /);
      assert.doesNotMatch(cause, /waiting/);
    });
  });

  const others: readonly (readonly [
    FileSystem,
    readonly (readonly [string, (guest: TestGuest) => Promise<void>])[],
  ])[] = [
    [
      "xfs",
      [
        ["is shut down", shutDownFileSystem],
        ["stops writing", failDisk],
      ],
    ],
    ["btrfs", [["stops writing", failDisk]]],
  ];
  for (const [fileSystem, troubles] of others) {
    test(`with ${fileSystem} on it`, async (t) => {
      const image = await buildImage((line) => t.diagnostic(line), "6.1", fileSystem);
      const guest = await bootFedGuest(t, { image, conf: CERTAIN_ONLY });
      for (const [name, fault] of troubles) {
        await t.test(name, async () => {
          const cause = await rescued(guest, () => fault(guest));
          t.diagnostic(cause);
          assert.match(cause, /^disk:\/data: \/data refuses writes: (EROFS|EIO) at /);
        });
      }
      await t.test("is remounted read-only by an administrator: left alone", async () => {
        await untilDiskWritable(guest);
        const before = fires(guest);
        const since = performance.now();
        await sh(guest, "mount -o remount,ro /data && ! touch /data/refused");
        const refused = reads(
          "disk:/data",
          ({ readings, verdict }) => readings.writable === 0 && verdict === "healthy",
        );
        const { atMs } = await guest.nextMessage(refused, { deadlineMs: 30_000, sinceMs: since });
        await guest.nextMessage(refused, { deadlineMs: 30_000, sinceMs: atMs + 1 });
        assert.equal(fires(guest), before);
      });
    });
  }
});
