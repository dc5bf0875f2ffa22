/**
 * A full disk, a lost network, a dead program, a file that is no longer written and heat, all in a real guest: each is told for what
 * it is, only alarms where a reset cures nothing, and is left alone as long as it only comes near.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { CheckReport, Verdict } from "@bernard/protocol";
import { GATEWAY, joinNetwork, quickConf, type TestGuest } from "@bernard/testbed";
import { bootFedGuest, fires, isBeat, isLastWords, reload, report, SOON, sh, TIMEOUT_S } from "../stage.ts";

const CONF = `${quickConf(TIMEOUT_S)}retry-timeout = 12
max-inodes = 20
space-hold = 0
ping = 127.0.0.2
ping = ${GATEWAY}
gateway = yes
interface = eth0
carrier = eth0
pidfile = /run/worker.pid
pidfile = /data/worker.pid
process = worker
unit = worker.service
file = /data/log
change = 5
temperature-sensor = /run/sensor
temperature-hold = 0
temp-power-off = no
`;

const ONLY_ALARM = "ping-end = alarm\ninterface-end = alarm\nprocess-end = alarm\nfile-end = alarm\n";

/** A program that writes its log, with its id where services have it, in a cgroup as systemd makes them. */
const WORKER = `#!/bin/sh
echo $$ > /run/worker.pid
echo $$ > /data/worker.pid
echo $$ > /sys/fs/cgroup/system.slice/worker.service/cgroup.procs
while :; do date > /data/log; sleep 1; done
`;

const START_WORKER = "setsid /run/worker > /dev/null 2>&1 < /dev/null &";
const KILL_WORKER = "kill -9 $(cat /run/worker.pid)";

const ALL_OF_WORKER = [
  "pidfile:/run/worker.pid",
  "pidfile:/data/worker.pid",
  "process:worker",
  "unit:worker.service",
  "file:/data/log",
];
const ALL_OF_CABLE = [`ping:${GATEWAY}`, "gateway", "interface:eth0", "carrier:eth0"];

const is = (verdict: Verdict) => (check: CheckReport) => check.verdict === verdict;

async function all(guest: TestGuest, sinceMs: number, names: readonly string[], verdict: Verdict): Promise<void> {
  for (const name of names) await report(guest, sinceMs, name, is(verdict));
}

/** What the guest is like when all is well; /data is 90 % full. */
async function furnish(guest: TestGuest): Promise<void> {
  await joinNetwork(guest);
  await guest.put("/run/worker", Buffer.from(WORKER));
  await sh(
    guest,
    `mount -t cgroup2 cgroup /sys/fs/cgroup && mkdir -p /sys/fs/cgroup/system.slice/worker.service || exit
    echo 47000 > /run/sensor
    chmod +x /run/worker
    free=$(df -k /data | awk 'END { print int($4 - $2 / 10) }')
    dd if=/dev/zero of=/data/most bs=1k count=$free conv=fsync 2> /dev/null || exit
    ${START_WORKER}`,
  );
}

async function comesNear(_: TestContext, guest: TestGuest): Promise<void> {
  const since = performance.now();
  const known = await report(guest, 0, "space:/data", (check) => (check.readings.used_percent ?? 0) > 80);
  assert.equal(known.verdict, "healthy", "nearly full is not full");
  await all(guest, 0, [...ALL_OF_WORKER, ...ALL_OF_CABLE, "ping:127.0.0.2"], "healthy");
  await guest.setLink(false);
  await sh(guest, `echo 86000 > /run/sensor; ${KILL_WORKER}`);
  await all(guest, since, ["gateway", "pidfile:/run/worker.pid"], "failing");
  await guest.setLink(true);
  await sh(guest, START_WORKER);
  const mended = performance.now();
  await all(guest, mended, [...ALL_OF_WORKER, ...ALL_OF_CABLE], "healthy");
  await report(guest, mended, "temperature:/run/sensor", (check) => check.readings.celsius === 86);
  assert.match(await sh(guest, "dmesg"), /warning: \/run\/sensor is at 86 °C, over 95 % of max-temperature = 90/);
  const failed = guest.messages.flatMap(({ message }) =>
    isBeat(message) ? message.checks.filter((check) => check.verdict === "failed") : [],
  );
  assert.deepEqual(failed, []);
}

async function alarms(_: TestContext, guest: TestGuest): Promise<void> {
  const since = performance.now();
  const boots = guest.boots.length;
  await guest.setLink(false);
  await sh(
    guest,
    `echo 95000 > /run/sensor
    ${KILL_WORKER}
    inodes=$(df -i /data | awk 'END { print int($2 / 4) }')
    mkdir /data/many && cd /data/many && seq $inodes | xargs touch || exit
    dd if=/dev/zero of=/data/rest bs=64k 2> /dev/null
    true`,
  );
  const reasons: Readonly<Record<string, RegExp>> = {
    "temperature:/run/sensor": /^\/run\/sensor is at 95 °C \(max-temperature = 90\)$/,
    "pidfile:/run/worker.pid": /^worker, process \d+ of \/run\/worker\.pid, is dead$/,
    "pidfile:/data/worker.pid": /^worker, process \d+ of \/data\/worker\.pid, is dead$/,
    "process:worker": /^no process is called worker$/,
    "unit:worker.service": /^no process of worker\.service is left$/,
    "file:/data/log": /^\/data\/log has not changed for \d+ s \(change = 5\)$/,
    [`ping:${GATEWAY}`]: /^10\.0\.2\.2 does not answer: \d+ requests \(ping-count = 3\)/,
    gateway: /^10\.0\.2\.2 does not answer: /,
    "interface:eth0": /^eth0 has received nothing for \d+ s$/,
    "carrier:eth0": /^eth0 is down$/,
    "space:/data":
      /^\/data is 100 % full \(limit 98 %\), 0 MiB left; \/data has 2\d(\.\d)? % of its inodes used \(limit 20 %\), \d+ left$/,
  };
  for (const [name, reason] of Object.entries(reasons)) {
    assert.match((await report(guest, since, name, is("failed"))).reason, reason);
  }
  assert.equal((await report(guest, since, "ping:127.0.0.2", () => true)).verdict, "healthy", "each target for itself");
  assert.equal(guest.messages.filter(({ message }) => isLastWords(message)).length, 0);
  assert.deepEqual([fires(guest), guest.boots.length], [0, boots], "it is fed on");

  await guest.setLink(true);
  await sh(guest, `rm -r /data/many /data/rest; echo 47000 > /run/sensor; ${START_WORKER}`);
  await all(guest, performance.now(), Object.keys(reasons), "healthy");
}

async function resets(_: TestContext, guest: TestGuest): Promise<void> {
  // The lost network alarms by itself, and a pid file that never was is nobody's death.
  await reload(guest, `${CONF}pidfile = /run/mistyped.pid\n`.replace(/^retry-timeout = .*/m, "retry-timeout = 3"));
  const since = performance.now();
  const mistyped = await report(guest, since, "pidfile:/run/mistyped.pid", is("failed"));
  assert.match(mistyped.reason, /^\/run\/mistyped\.pid cannot be read; not alive once since start$/);
  assert.equal(guest.messages.filter(({ message }) => isLastWords(message)).length, 0);
  const words = guest.nextMessage(isLastWords, SOON);
  await sh(guest, KILL_WORKER);
  const { message } = await words;
  assert.deepEqual([message.end, message.acts], ["reboot", true]);
  assert.match(message.check, /^(pidfile|process|unit|file):/);
  await guest.nextBoot({ ...SOON, sinceMs: since });
}

test("a guest whose disk fills up, whose network is lost and whose program dies", async (t) => {
  const guest = await bootFedGuest(t, { network: true });
  await furnish(guest);
  await reload(guest, CONF + ONLY_ALARM);
  await t.test("is left alone while that is not for long", (t) => comesNear(t, guest));
  await t.test("alarms for each of them, and for no more", (t) => alarms(t, guest));
  await t.test("is reset for its program where that is the default, and for that alone", (t) => resets(t, guest));
});
