/** An operator's own test, as watchdog(8) runs those of its test-directory: what it may do without an end, and what ends the guest. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Verdict } from "@bernard/protocol";
import { quickConf, type TestGuest } from "@bernard/testbed";
import { bootFedGuest, fires, isBeat, isLastWords, printed, reload, report, SOON, sh, TIMEOUT_S } from "../stage.ts";

const SCRIPT = "/etc/watchdog.d/app";
const NAME = `script:${SCRIPT}`;

/** Does what /run/mode says; `once` fails one time only. A repair tells how it was called, and does not help. */
const APP = `#!/bin/sh
if [ "$1" = repair ]; then echo "$@" > /data/repair; sync; exit 1; fi
mode=$(cat /run/mode)
echo "$1 $mode" >> /run/calls
case $mode in
well) ;;
once) echo well > /run/mode; exit 5 ;;
slow) sleep 2 ;;
forks) sleep 1000 & ;;
flood) exec dd if=/dev/zero bs=65536 count=1000 ;;
bad) exit 42 ;;
esac
`;

const CONF = `${quickConf(TIMEOUT_S)}retry-timeout = 3
test-timeout = 6
log-dir = /run/watchdog
include = /etc/bernard-guest.d/
`;

/** The next time that the daemon tells this verdict of the script. */
const nextVerdict = (guest: TestGuest, verdict: Verdict, sinceMs: number) =>
  report(guest, sinceMs, NAME, (check) => check.verdict === verdict);

/** Has the script do this from now on. */
async function behave(guest: TestGuest, mode: string): Promise<number> {
  const at = performance.now();
  await sh(guest, `echo ${mode} > /run/mode`);
  return at;
}

/** Waits until the script has been called so often in this mode. */
async function untilCalled(guest: TestGuest, mode: string, times: number): Promise<void> {
  await sh(guest, `until [ "$(grep -c 'test ${mode}' /run/calls)" -ge ${times} ]; do sleep 0.2; done`);
}

test("an operator's script, found by a reload", async (t) => {
  const guest = await bootFedGuest(t);
  await sh(guest, "mkdir /etc/watchdog.d /etc/bernard-guest.d");
  await guest.put(SCRIPT, Buffer.from(APP));
  await guest.put("/data/heartbeat", Buffer.from(" 1700000001\n 1700000002\n"));
  await guest.put(
    "/etc/bernard-guest.d/app.conf",
    Buffer.from("heartbeat-file = /data/heartbeat\nheartbeat-stamps = 2\n"),
  );
  await sh(guest, `echo well > /run/mode; : > /run/calls; chmod +x ${SCRIPT}`);
  const { checks } = await reload(guest, CONF);
  assert.ok(checks.includes(NAME), `${NAME} is among ${checks.join(" ")}`);
  const stories: readonly (readonly [string, (t: TestContext, guest: TestGuest) => Promise<void>])[] = [
    ["that fails once is soon forgiven", failsOnce],
    ["that is slow, but not too slow, is well", isSlow],
    ["that leaves processes behind leaves none", forksAway],
    ["that is gone, as in an upgrade, is an alarm until it is back", isGone],
    ["that floods its log is an alarm", floods],
    ["that goes on failing is asked to repair, and ends the guest", goesOnFailing],
  ];
  for (const [name, story] of stories) await t.test(name, (t) => story(t, guest));
});

async function failsOnce(_: TestContext, guest: TestGuest): Promise<void> {
  const at = await behave(guest, "once");
  const failing = await nextVerdict(guest, "failing", at);
  assert.equal(failing.reason, `${SCRIPT} failed with exit code 5`);
  await nextVerdict(guest, "healthy", at);
}

async function isSlow(_: TestContext, guest: TestGuest): Promise<void> {
  const at = await behave(guest, "slow");
  await untilCalled(guest, "slow", 3);
  await behave(guest, "well");
  const verdicts = guest.messages
    .filter(({ atMs }) => atMs >= at)
    .flatMap(({ message }) => (isBeat(message) ? message.checks : []))
    .filter(({ name }) => name === NAME)
    .map(({ verdict }) => verdict);
  assert.ok(
    verdicts.every((verdict) => verdict === "healthy"),
    verdicts.join(" "),
  );
}

async function forksAway(_: TestContext, guest: TestGuest): Promise<void> {
  await behave(guest, "forks");
  await untilCalled(guest, "forks", 3);
  await behave(guest, "well");
  await sh(guest, ": > /run/calls");
  await untilCalled(guest, "well", 2);
  assert.equal(await printed(guest, "ps | grep '[s]leep 1000' || echo none"), "none");
}

async function isGone(_: TestContext, guest: TestGuest): Promise<void> {
  const at = performance.now();
  await sh(guest, `mv ${SCRIPT} ${SCRIPT}.old`);
  const failed = await nextVerdict(guest, "failed", at);
  assert.equal(failed.reason, `${SCRIPT} cannot be run (errno 2)`);
  const back = performance.now();
  await sh(guest, `mv ${SCRIPT}.old ${SCRIPT}`);
  await nextVerdict(guest, "healthy", back);
}

async function floods(_: TestContext, guest: TestGuest): Promise<void> {
  const at = await behave(guest, "flood");
  const failed = await nextVerdict(guest, "failed", at);
  assert.equal(failed.reason, `${SCRIPT} was killed for writing without end`);
  const size = Number(await printed(guest, "stat -c %s /run/watchdog/etc-watchdog.d-app.stdout"));
  assert.ok(size <= 16 * 1024 * 1024, `the log has ${size} bytes`);
  const back = await behave(guest, "well");
  await nextVerdict(guest, "healthy", back);
}

async function goesOnFailing(_: TestContext, guest: TestGuest): Promise<void> {
  // Its second line is a minute after the start: these stories are shorter, but a slow machine may see it.
  assert.match(await printed(guest, "cat /data/heartbeat"), /^1700000002\n--restart--$|^--restart--\n \d{10}$/);
  assert.equal(fires(guest), 0, "nothing before was an end");
  const at = performance.now();
  const words = guest.nextMessage(isLastWords, SOON);
  await behave(guest, "bad");
  const { check, reason, end } = (await words).message;
  assert.deepEqual([check, reason, end], [NAME, `${SCRIPT} failed with exit code 42`, "reboot"]);
  await guest.nextBoot({ ...SOON, sinceMs: at });
  assert.equal(await printed(guest, "cat /data/repair"), `repair 42 ${SCRIPT}`);
  assert.equal(fires(guest), 0, "it was the guest's own reboot");
}
