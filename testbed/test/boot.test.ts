/** One guest with nothing to feed a watchdog goes through every fault; each must leave the state that its description says. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { before, suite, test } from "node:test";
import {
  bootTestGuest,
  buildImage,
  exhaustMemory,
  failDisk,
  freeze,
  hang,
  load,
  type TestGuest,
} from "../src/index.ts";

const errorsCount = "cat /sys/fs/ext4/dm-0/errors_count";

/** Resets the guest as its watchdog would, and waits until it is back. */
async function reset(guest: TestGuest): Promise<void> {
  const sinceMs = performance.now();
  await assert.rejects(guest.run("echo b > /proc/sysrq-trigger"), /the guest was reset/);
  await guest.nextBoot({ deadlineMs: 60_000, sinceMs });
}

suite("the test guest", () => {
  let guest: TestGuest;

  before(async () => {
    const image = await buildImage(console.log);
    guest = await bootTestGuest({ image, feeder: "none", cpus: 2 });
  });

  test("runs scripts side by side and hands back what they did", async () => {
    const results = await Promise.all([
      guest.run("read -r line < /proc/self/oom_score_adj; echo $line; exit 3"),
      guest.run("echo out; echo err >&2"),
      guest.run("kill -9 $$"),
      guest.run("head -c 100000 /dev/zero | tr '\\0' x | wc -c"),
    ]);
    assert.deepEqual(results, [
      { code: 3, output: "0\n" },
      { code: 0, output: "out\nerr\n" },
      { code: 137, output: "" },
      { code: 0, output: "100000\n" },
    ]);
  });

  test("tells what the guest did last when a script does not answer", async () => {
    await guest.run("echo '<0>the last line' > /dev/kmsg");
    await assert.rejects(guest.run("sleep 2", { deadlineMs: 100 }), /no answer within 0.1 s.*booted .*the last line/s);
  });

  test("freeze: who writes waits, until it thaws by itself", async () => {
    await freeze(guest, 5);
    // D: the kernel makes it wait; it ends well only once the disk has thawed.
    const { code } = await guest.run(
      `touch /data/after-the-freeze & until grep -q "^State:.D" /proc/$!/status; do sleep 0.1; done; wait $!`,
    );
    assert.equal(code, 0);
    assert.equal((await guest.run(errorsCount)).output, "0\n");
  });

  test("load: a healthy guest works and nothing breaks", async () => {
    await load(guest, 5);
    const { output } = await guest.run(`pidof hog; ${errorsCount}; grep 'oom_kill ' /proc/vmstat`);
    assert.equal(output, "0\noom_kill 0\n");
  });

  test("failDisk: writes fail, the mount says rw, reading works; a reset cures it", async () => {
    await guest.run("echo kept > /data/file && sync");
    await failDisk(guest);
    assert.match((await guest.run("grep ' /data ' /proc/mounts")).output, / rw,/);
    assert.match((await guest.run("touch /data/new")).output, /Read-only file system|I\/O error/);
    assert.equal((await guest.run("cat /data/file")).output, "kept\n");
    assert.ok(Number((await guest.run(errorsCount)).output) > 0);
    await reset(guest);
    assert.equal((await guest.run("cat /data/file && touch /data/new && sync")).output, "kept\n");
  });

  test("exhaustMemory: under 2 % available, stalled for memory, no OOM kill, no panic", async () => {
    await exhaustMemory(guest);
    const { output } = await guest.run(
      `until awk '/^MemTotal/ { total = $2 } /^MemAvailable/ { exit $2 / total > 0.02 }' /proc/meminfo &&
        awk '/^full/ { split($2, avg10, "="); exit avg10[2] < 10 }' /proc/pressure/memory; do sleep 0.5; done
      grep 'oom_kill ' /proc/vmstat`,
      { deadlineMs: 60_000 },
    );
    assert.equal(output, "oom_kill 0\n");
    await reset(guest);
  });

  test("hang: nothing runs any more", async () => {
    await hang(guest);
    await assert.rejects(guest.run("sleep 1", { deadlineMs: 4000 }), /no answer/);
  });

  test("stop leaves nothing behind", async () => {
    const dir = dirname(guest.consolePath);
    assert.ok(existsSync(dir));
    await guest.stop();
    assert.ok(!existsSync(dir));
  });
});
