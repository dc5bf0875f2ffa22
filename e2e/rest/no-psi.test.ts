/** A guest whose kernel does not measure stalls (PSI): full memory is left alone while nobody waits for it, and ends it else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Beat, GuestMessage, LastWords } from "@bernard/protocol";
import { exhaustMemory, untilDiskWritable } from "@bernard/testbed";
import { bootFedGuest, DAEMON } from "../stage.ts";

const DEADLINE = { deadlineMs: 90_000 };

const isLastWords = (message: GuestMessage): message is LastWords => message.type === "last-words";
const isShort = (beat: Beat) => (memoryOf(beat)?.readings.available_percent ?? 100) < 3;
const memoryOf = (beat: Beat) => beat.checks.find(({ name }) => name === "memory");

test("without PSI", async (t) => {
  const guest = await bootFedGuest(t);
  const sh = async (script: string) => {
    const { code, output } = await guest.run(script);
    assert.equal(code, 0, output);
  };
  const beat = (test: (beat: Beat) => boolean, sinceMs: number) =>
    guest.nextMessage((m): m is Beat => m.type === "beat" && test(m), { ...DEADLINE, sinceMs });
  const before = performance.now();
  // A second mount hides the kernel's files; the daemon looks for them anew when it reloads.
  await sh(`mount -t tmpfs none /proc/pressure && kill -HUP ${DAEMON}`);
  await guest.nextMessage((m): m is GuestMessage => m.type === "hello", { ...DEADLINE, sinceMs: before });
  await untilDiskWritable(guest);

  await t.test("memory that is full by design is left alone, also when a backup streams through it", async () => {
    const since = performance.now();
    const hog = "echo -1000 > /proc/self/oom_score_adj; exec timeout 60 /lib/testbed/hog memory 9 15";
    await sh(`echo 4096 > /proc/sys/vm/min_free_kbytes; sh -c '${hog}' & echo $! > /run/hog`);
    await beat(isShort, since);
    await sh("timeout 15 sh -c 'while :; do cat /dev/vda > /dev/null; done'; true");
    await beat(isShort, performance.now());
    const told = guest.messages.filter(
      ({ message }) => message.type === "beat" && memoryOf(message)?.verdict !== "healthy",
    );
    assert.deepEqual(told, []);
    await sh("kill $(cat /run/hog)");
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
