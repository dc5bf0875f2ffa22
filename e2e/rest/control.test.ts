/** A program that must live falls silent in a real guest, which is then ended for it; what is no silence is left alone; and what the client tells. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { CheckReport, GuestMessage, LastWords } from "@bernard/protocol";
import { quickConf, type TestGuest } from "@bernard/testbed";
import { bootFedGuest, fires, isLastWords, report, SOON, sh, TIMEOUT_S } from "../stage.ts";

const CONF = `${quickConf(TIMEOUT_S)}heartbeat = worker 5
heartbeat = idle 5
heartbeat = never-started 5
heartbeat = theirs 60 uid=1000
sigterm-delay = 1
`;

/** A program that beats once a second; its process is in /run/worker. */
const START = "(while bernard-guest heartbeat worker; do sleep 1; done) > /dev/null 2>&1 & echo $! > /run/worker";

/** The first report of a program's check, from `sinceMs` on, that passes `test`. */
const heard = (guest: TestGuest, sinceMs: number, name: string, test: (check: CheckReport) => boolean) =>
  report(guest, sinceMs, `heartbeat:${name}`, test);

async function leavesAlone(_: TestContext, guest: TestGuest): Promise<void> {
  await sh(guest, START);
  await sh(guest, "bernard-guest heartbeat idle && bernard-guest heartbeat idle STOPPING=1");
  await sh(guest, "bernard-guest heartbeat stranger WATCHDOG=trigger");
  await sh(guest, "echo 'user:x:1000:1000::/:/bin/sh' >> /etc/passwd");
  await sh(guest, "su user -c 'bernard-guest heartbeat theirs && bernard-guest heartbeat worker WATCHDOG=trigger'");
  const before = performance.now();
  const stopped = await heard(guest, before, "idle", ({ readings }) => (readings.silent_s ?? 0) > 8);
  assert.deepEqual([stopped.verdict, stopped.readings.stopped], ["healthy", 1]);
  const worker = await heard(guest, before, "worker", ({ readings }) => (readings.beats ?? 0) > 8);
  assert.deepEqual([worker.verdict, worker.readings.ignored], ["healthy", 1]);
  const theirs = await heard(guest, before, "1000/theirs", ({ readings }) => readings.beats === 1);
  assert.deepEqual([theirs.verdict, theirs.readings.ignored], ["healthy", 1], "another user's trigger");
  const unheard = await heard(guest, before, "never-started", () => true);
  assert.deepEqual([unheard.verdict, unheard.readings.beats], ["healthy", 0]);
  assert.match(
    await sh(guest, "bernard-guest status"),
    /^fed \d(\.\d)? s ago, i6300ESB timer, fires after 10 s, all healthy\n\n/,
  );
}

async function mutes(_: TestContext, guest: TestGuest): Promise<void> {
  const before = performance.now();
  await sh(guest, "bernard-guest mute 2m && kill -STOP $(cat /run/worker)");
  await heard(guest, before, "worker", ({ verdict }) => verdict === "failed");
  const status = await sh(guest, "bernard-guest status", 1);
  assert.match(status, /^fed \d(\.\d)? s ago, i6300ESB timer, fires after 10 s, FAILED: heartbeat:worker\nmuted: /);
  const after = performance.now();
  await sh(guest, "kill -CONT $(cat /run/worker)");
  await heard(guest, after, "worker", ({ verdict }) => verdict === "healthy");
  await sh(guest, "bernard-guest check heartbeat:worker && bernard-guest unmute");
  assert.match(
    await sh(guest, "bernard-guest status"),
    /\nwould have ended this guest .*\n.* UTC {2}heartbeat:worker {2}worker has not said WATCHDOG=1 for .* \(reboot\)\n$/,
  );
}

async function endsTheGuest(_: TestContext, guest: TestGuest): Promise<void> {
  const before = performance.now();
  const isActed = (message: GuestMessage): message is LastWords => isLastWords(message) && message.acts;
  const words = guest.nextMessage(isActed, { ...SOON, sinceMs: before });
  await sh(guest, "kill -STOP $(cat /run/worker)");
  const { message } = await words;
  assert.deepEqual([message.check, message.end], ["heartbeat:worker", "reboot"]);
  assert.match(message.reason, /^worker has not said WATCHDOG=1 for \d+(\.\d)? s \(limit 5 s\)$/);
  const reset = await guest.nextEvent("RESET", { ...SOON, sinceMs: before });
  await guest.nextBoot({ ...SOON, sinceMs: reset.atMs });
  await heard(guest, reset.atMs, "worker", ({ verdict, readings }) => verdict === "healthy" && readings.beats === 0);
  assert.match(
    await sh(guest, "bernard-guest last", 1),
    /^the previous boot was ended by bernard-guest, .* UTC, reboot: heartbeat:worker failed: worker has not said WATCHDOG=1 for /,
  );
  assert.equal(fires(guest), 0, "a reboot in order needs no fire");
}

test("programs that must live", async (t) => {
  const guest = await bootFedGuest(t, { conf: CONF });
  const stories = {
    "one that stops, one never started, a stranger's and another user's triggers are left alone": leavesAlone,
    "silence while muted is told and ends nothing": mutes,
    "one that hangs ends the guest, and the next boot knows why": endsTheGuest,
  };
  for (const [name, story] of Object.entries(stories)) await t.test(name, (t) => story(t, guest));
});
