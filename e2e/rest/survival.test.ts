/** The daemon lives through what it detects: it feeds on while the guest runs out of everything, stands still, or moves. */
import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { GuestMessage } from "@bernard/protocol";
import { failDisk, quickConf, type TestGuest } from "@bernard/testbed";
import {
  bootFedGuest,
  DAEMON,
  fires,
  isBeat,
  isHello,
  isLastWords,
  reload,
  SOON,
  sh,
  TIMEOUT_S,
  ticks,
} from "../stage.ts";

/** Milliseconds after which an unfed device has surely fired, the slack of a busy machine included. */
const UNFED_MS = (TIMEOUT_S + 3) * 1000;

/** A program that is run each second, by a spawner that must be there for it. */
const CONF = `${quickConf(TIMEOUT_S)}test-binary = /bin/true\ntest-timeout = 2\n`;

/** In the guest's shell: ids of the processes that are called so. */
const PIDS = `pids() {
  for process in /proc/[0-9]*; do
    read -r name < $process/comm && [ "$name" = "$1" ] && echo \${process#/proc/}
  done 2> /dev/null
  true
}\n`;

/** Lets more than the device's timeout go by, in which nothing fires: so it was fed. */
async function isFedOn(guest: TestGuest): Promise<void> {
  const firesBefore = fires(guest);
  const unfed = guest.nextEvent("WATCHDOG", { deadlineMs: UNFED_MS });
  await assert.rejects(unfed, /no WATCHDOG event/, "it was fed through all of that");
  assert.equal(fires(guest), firesBefore);
}

/** It feeds, every check is healthy again, and nothing of what has been was the guest's failure. */
async function isWell(guest: TestGuest, sinceMs = performance.now()): Promise<void> {
  const isHealthy = (message: GuestMessage) =>
    isBeat(message) && message.feeds > 0 && message.checks.every(({ verdict }) => verdict === "healthy");
  await guest.nextMessage(isHealthy, { ...SOON, sinceMs });
  assert.deepEqual(
    guest.messages.filter(({ message }) => isLastWords(message)),
    [],
  );
}

/** Descriptors, memory and children: what the daemon itself needs of the guest. */
async function runsOut(guest: TestGuest): Promise<void> {
  await sh(
    guest,
    `${PIDS}daemon=${DAEMON}
    mount -t cgroup2 none /sys/fs/cgroup && mkdir /sys/fs/cgroup/tight
    echo $daemon > /sys/fs/cgroup/tight/cgroup.procs
    echo 65536 > /sys/fs/cgroup/tight/memory.max
    /lib/testbed/hog descriptors $daemon 4
    kill -9 $(pids bernard-spawner) $(pids bernard-probe)`,
  );
  await isFedOn(guest);
  const { output } = await guest.run(`cat /proc/${DAEMON}/schedstat /proc/uptime`);
  const [onProcessor = 0] = output.split(/\s/).map(Number);
  assert.ok(onProcessor / 1e9 < 10, `waiting is no loop: ${onProcessor / 1e9} s on the processor`);
  const undone = performance.now();
  await sh(
    guest,
    `${PIDS}daemon=${DAEMON}
    echo max > /sys/fs/cgroup/tight/memory.max
    echo $daemon > /sys/fs/cgroup/cgroup.procs
    /lib/testbed/hog descriptors $daemon 1024
    until [ "$(pids bernard-spawner)" ] && [ "$(pids bernard-probe)" ]; do usleep 100000; done`,
  );
  await isWell(guest, undone);
}

/** A folder in memory that is full, a log and a channel that nobody reads, an asker that does not listen. */
async function isNotHeard(guest: TestGuest): Promise<void> {
  const stopped = performance.now();
  const listen = guest.muteChannel();
  await sh(
    guest,
    `kill ${DAEMON}; while pidof bernard-guest; do usleep 100000; done
    cat /dev/zero > /dev/virtio-ports/org.bernard.guest.0 & sleep 2; kill $!
    mkdir -p /run/bernard-guest && mount -t tmpfs -o size=64k none /run/bernard-guest
    mkfifo /tmp/log
    sleep 1000 < /tmp/log &
    cat /dev/zero > /tmp/log &
    exec /sbin/bernard-guest --config /etc/bernard-guest.conf 2> /tmp/log < /dev/null > /dev/null &
    until [ -S /run/bernard-guest/control ]; do usleep 100000; done
    ! cat /dev/zero > /run/bernard-guest/full 2> /dev/null`,
  );
  await isFedOn(guest);
  await sh(guest, `kill -HUP ${DAEMON}; until dmesg | grep -c "feeding i6300ESB" | grep 3; do usleep 100000; done`);
  await isFedOn(guest);
  assert.match(await sh(guest, "bernard-guest status"), /i6300ESB timer/, "and it answers");
  listen();
  await guest.nextMessage(isHello, { ...SOON, sinceMs: stopped });
  await sh(guest, "umount -l /run/bernard-guest");
}

/** A spawner that somebody has stopped: what it is to do would never be done. */
async function isStopped(guest: TestGuest): Promise<void> {
  await sh(
    guest,
    `${PIDS}spawner=$(pids bernard-spawner)
    kill -STOP $spawner
    grep -q "State:.T" /proc/$spawner/status && while grep -q "State:.T" /proc/$spawner/status; do usleep 100000; done`,
  );
  await isWell(guest);
}

async function losesTheTime(guest: TestGuest): Promise<void> {
  await sh(guest, "date -s @$(($(date +%s) - 31536000))");
  await guest.pause();
  await delay((TIMEOUT_S + 5) * 1000); // the trouble itself: longer than the timeout
  await guest.resume();
  await isWell(guest);
  await sh(guest, "date -s @$(($(date +%s) + 63072000))");
  await isWell(guest);
}

async function moves(guest: TestGuest): Promise<void> {
  const before = performance.now();
  await guest.migrate();
  await isWell(guest, before);
  await isFedOn(guest);
}

/** The guest's own half of a sleep, which QEMU wakes this kernel from only by a reset; and what the other half does to the device. */
async function sleeps(guest: TestGuest): Promise<void> {
  const asleep = await sh(
    guest,
    `echo 2 > /sys/module/suspend/parameters/pm_test_delay
    echo core > /sys/power/pm_test
    echo mem > /sys/power/state
    dmesg | grep "suspend exit"
    cd '/sys/bus/pci/drivers/i6300ESB timer'
    printf '\\0' | dd of=$(echo *:*)/config bs=1 seek=104 conv=notrunc 2> /dev/null
    until dmesg | grep "the guest slept; armed anew"; do usleep 100000; done`,
  );
  assert.match(asleep, /PM: suspend exit/);
  assert.ok(await ticks(guest), "it ticks again");
  await isWell(guest);
}

async function losesItsState(guest: TestGuest): Promise<void> {
  await reload(guest, CONF.replace("disk = /data", "disk = none"));
  await failDisk(guest);
  await reload(guest);
  const told = "no record of ends can be written: failing disks only alarm";
  await sh(guest, `until dmesg | grep "${told}"; do usleep 100000; done`);
  await isWell(guest);
}

suite("the daemon feeds on through", () => {
  test("a guest's worst days", async (t: TestContext) => {
    const guest = await bootFedGuest(t, { conf: CONF });
    const stories: readonly (readonly [string, (guest: TestGuest) => Promise<void>])[] = [
      ["no descriptors, no memory, and children that are killed", runsOut],
      ["a full /run, a log that blocks, a channel that nobody reads", isNotHeard],
      ["a spawner that is stopped", isStopped],
      ["a clock set back and forth by a year, a pause longer than the timeout", losesTheTime],
      ["a live migration", moves],
      ["a sleep, which the device does not survive", sleeps],
      ["a state directory that gives EIO", losesItsState],
    ];
    for (const [name, story] of stories) await t.test(name, () => story(guest));
    assert.equal(fires(guest), 0);
  });
});
