/** A program that must live falls silent in a real guest, which is then ended for it; what is no silence is left alone; and what the client tells. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Beat, CheckReport, GuestMessage, LastWords } from "@bernard/protocol";
import { quickConf, type TestGuest } from "@bernard/testbed";
import { bootFedGuest, fires, TIMEOUT_S } from "../stage.ts";

const CONF = `${quickConf(TIMEOUT_S)}heartbeat = worker 5
heartbeat = idle 5
heartbeat = never-started 5
heartbeat = theirs 60 uid=1000
sigterm-delay = 1
`;

const SOON = { deadlineMs: 60_000 };

const isBeat = (message: GuestMessage): message is Beat => message.type === "beat";
const isLastWords = (message: GuestMessage): message is LastWords => message.type === "last-words";

/** A program that beats once a second; its process is in /run/worker. */
const START = "(while bernard-guest heartbeat worker; do sleep 1; done) > /dev/null 2>&1 & echo $! > /run/worker";

async function shell(guest: TestGuest, script: string, expected = 0): Promise<string> {
  const { code, output } = await guest.run(script);
  assert.equal(code, expected, output);
  return output;
}

/** The first report of a program's check, from `sinceMs` on, that passes `test`. */
async function report(
  guest: TestGuest,
  sinceMs: number,
  name: string,
  test: (check: CheckReport) => boolean,
): Promise<CheckReport> {
  const found = (message: GuestMessage): CheckReport | undefined =>
    isBeat(message) ? message.checks.find((check) => check.name === `heartbeat:${name}` && test(check)) : undefined;
  const isIt = (message: GuestMessage): message is Beat => found(message) !== undefined;
  const { message } = await guest.nextMessage<Beat>(isIt, { ...SOON, sinceMs });
  return found(message) as CheckReport;
}

async function leavesAlone(_: TestContext, guest: TestGuest): Promise<void> {
  await shell(guest, START);
  await shell(guest, "bernard-guest heartbeat idle && bernard-guest heartbeat idle STOPPING=1");
  await shell(guest, "bernard-guest heartbeat stranger WATCHDOG=trigger");
  await shell(guest, "echo 'user:x:1000:1000::/:/bin/sh' >> /etc/passwd");
  await shell(guest, "su user -c 'bernard-guest heartbeat theirs && bernard-guest heartbeat worker WATCHDOG=trigger'");
  const before = performance.now();
  const stopped = await report(guest, before, "idle", ({ readings }) => (readings.silent_s ?? 0) > 8);
  assert.deepEqual([stopped.verdict, stopped.readings.stopped], ["healthy", 1]);
  const worker = await report(guest, before, "worker", ({ readings }) => (readings.beats ?? 0) > 8);
  assert.deepEqual([worker.verdict, worker.readings.ignored], ["healthy", 1]);
  const theirs = await report(guest, before, "1000/theirs", ({ readings }) => readings.beats === 1);
  assert.deepEqual([theirs.verdict, theirs.readings.ignored], ["healthy", 1], "another user's trigger");
  const unheard = await report(guest, before, "never-started", () => true);
  assert.deepEqual([unheard.verdict, unheard.readings.beats], ["healthy", 0]);
  assert.match(
    await shell(guest, "bernard-guest status"),
    /^fed \d(\.\d)? s ago, i6300ESB timer, fires after 10 s, all healthy\n\n/,
  );
}

async function mutes(_: TestContext, guest: TestGuest): Promise<void> {
  const before = performance.now();
  await shell(guest, "bernard-guest mute 2m && kill -STOP $(cat /run/worker)");
  await report(guest, before, "worker", ({ verdict }) => verdict === "failed");
  const status = await shell(guest, "bernard-guest status", 1);
  assert.match(status, /^fed \d(\.\d)? s ago, i6300ESB timer, fires after 10 s, FAILED: heartbeat:worker\nmuted: /);
  const after = performance.now();
  await shell(guest, "kill -CONT $(cat /run/worker)");
  await report(guest, after, "worker", ({ verdict }) => verdict === "healthy");
  await shell(guest, "bernard-guest check heartbeat:worker && bernard-guest unmute");
  assert.match(
    await shell(guest, "bernard-guest status"),
    /\nwould have ended this guest .*\n.* UTC {2}heartbeat:worker {2}worker has not said WATCHDOG=1 for .* \(reboot\)\n$/,
  );
}

async function endsTheGuest(_: TestContext, guest: TestGuest): Promise<void> {
  const before = performance.now();
  const isActed = (message: GuestMessage): message is LastWords => isLastWords(message) && message.acts;
  const words = guest.nextMessage(isActed, { ...SOON, sinceMs: before });
  await shell(guest, "kill -STOP $(cat /run/worker)");
  const { message } = await words;
  assert.deepEqual([message.check, message.end], ["heartbeat:worker", "reboot"]);
  assert.match(message.reason, /^worker has not said WATCHDOG=1 for \d+(\.\d)? s \(limit 5 s\)$/);
  const reset = await guest.nextEvent("RESET", { ...SOON, sinceMs: before });
  await guest.nextBoot({ ...SOON, sinceMs: reset.atMs });
  await report(guest, reset.atMs, "worker", ({ verdict, readings }) => verdict === "healthy" && readings.beats === 0);
  assert.match(
    await shell(guest, "bernard-guest last", 1),
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
