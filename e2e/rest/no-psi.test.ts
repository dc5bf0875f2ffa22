/** A guest whose kernel does not measure stalls (PSI): full memory is left alone while nobody waits for it, and ends it else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Beat } from "@bernard/protocol";
import { exhaustMemory, untilDiskWritable } from "@bernard/testbed";
import { bootFedGuest, isBeat, isLastWords, reload, sh } from "../stage.ts";

const DEADLINE = { deadlineMs: 90_000 };

const isShort = (beat: Beat) => (memoryOf(beat)?.readings.available_percent ?? 100) < 3;
const memoryOf = (beat: Beat) => beat.checks.find(({ name }) => name === "memory");

test("without PSI", async (t) => {
  const guest = await bootFedGuest(t);
  const beat = (test: (beat: Beat) => boolean, sinceMs: number) =>
    guest.nextMessage((message) => isBeat(message) && test(message), { ...DEADLINE, sinceMs });
  // A second mount hides the kernel's files; the daemon looks for them anew when it reloads.
  await sh(guest, "mount -t tmpfs none /proc/pressure");
  await reload(guest);
  await untilDiskWritable(guest);

  await t.test("memory that is full by design is left alone, also when a backup streams through it", async () => {
    const since = performance.now();
    const hog = "echo -1000 > /proc/self/oom_score_adj; exec timeout 60 /lib/testbed/hog memory 9 15";
    await sh(guest, `echo 4096 > /proc/sys/vm/min_free_kbytes; sh -c '${hog}' & echo $! > /run/hog`);
    await beat(isShort, since);
    await sh(guest, "timeout 15 sh -c 'while :; do cat /dev/vda > /dev/null; done'; true");
    await beat(isShort, performance.now());
    const told = guest.messages.filter(({ message }) => isBeat(message) && memoryOf(message)?.verdict !== "healthy");
    assert.deepEqual(told, []);
    await sh(guest, "kill $(cat /run/hog)");
  });

  await t.test("memory that is needed again and again ends the guest", async () => {
    const since = performance.now();
    await exhaustMemory(guest);
    const { message } = await guest.nextMessage(isLastWords, { ...DEADLINE, sinceMs: since });
    t.diagnostic(message.reason);
    assert.match(
      message.reason,
      /^[0-9.]+ % of memory available \(limit 3 %\), swap used up, \d+ pages a second needed again$/,
    );
    await guest.nextEvent("RESET", { ...DEADLINE, sinceMs: since });
  });
});
