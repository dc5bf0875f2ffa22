/**
 * Memory, swap, processors, processes and open files run out in a real guest, one after the other: each is told for what it is,
 * ends the guest where it is set to, and is left alone as long as it only comes near.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { CheckReport } from "@bernard/protocol";
import { quickConf, type TestGuest, untilDiskWritable } from "@bernard/testbed";
import { bootFedGuest, fires, isHello, isLastWords, report, SOON, sh, TIMEOUT_S } from "../stage.ts";

/** Everything but a full process table only alarms: one guest serves many stories. */
const CONF = `${quickConf(TIMEOUT_S)}priority = 50
retry-timeout = 2
min-memory = 2000
max-swap = 2000
swap-end = alarm
allocatable-memory = 5000
max-oom-kills = 2
max-load-1 = 3
load-end = alarm
max-lateness = 2
lateness-hold = 1
lateness-end = alarm
max-thrash = 2
thrash-hold = 2
thrash-end = alarm
processes-hold = 1
processes-end = reboot
sigterm-delay = 1
handles-hold = 1
handles-end = alarm
`
  .replace("memory-end = starve", "memory-end = alarm")
  .replace("hang-hold = 5", "hang-hold = 60"); // without a processor a write waits too

const failed = (check: CheckReport) => check.verdict === "failed";
const healthy = (check: CheckReport) => check.verdict === "healthy";

/** What runs out, and comes back. */
async function alarms(
  guest: TestGuest,
  { script, failing, undo }: { script: string; failing: Readonly<Record<string, RegExp>>; undo: string },
): Promise<void> {
  const before = performance.now();
  await sh(guest, script);
  for (const [name, reason] of Object.entries(failing)) {
    assert.match((await report(guest, before, name, failed)).reason, reason);
  }
  await sh(guest, undo);
}

async function nearMisses(_: TestContext, guest: TestGuest): Promise<void> {
  const before = performance.now();
  await sh(
    guest,
    `echo 400 > /proc/sys/kernel/threads-max
    echo 1500 > /proc/sys/fs/file-max
    timeout 15 /lib/testbed/hog tasks 20 & timeout 15 /lib/testbed/hog files 50 &`,
  );
  const processes = await report(guest, before, "processes", ({ readings }) => (readings.tasks_percent ?? 0) > 90);
  const handles = await report(guest, before, "handles", ({ readings }) => (readings.open_files_percent ?? 0) > 90);
  assert.deepEqual([processes.verdict, processes.readings.fork_errno, handles.verdict], ["healthy", 0, "healthy"]);
  const allocatable = await report(guest, 0, "allocatable-memory", () => true);
  assert.deepEqual(
    [allocatable.verdict, allocatable.readings.allocatable],
    ["healthy", 1],
    "20 MiB are there to be had",
  );
}

async function fullTable(_: TestContext, guest: TestGuest): Promise<void> {
  const before = performance.now();
  await sh(guest, "echo 400 > /proc/sys/kernel/threads-max; /lib/testbed/hog tasks 0 &");
  const { message } = await guest.nextMessage(isLastWords, { ...SOON, sinceMs: before });
  assert.deepEqual([message.check, message.end], ["processes", "reboot"]);
  assert.match(message.reason, /^no process can be started: 40\d tasks of 400 \(EAGAIN\)$/);
  const reset = await guest.nextEvent("RESET", { ...SOON, sinceMs: before });
  await guest.nextBoot({ ...SOON, sinceMs: reset.atMs });
  await untilDiskWritable(guest);
  await sh(guest, "true"); // a reset makes room again
}

async function openFilesAndLoad(_: TestContext, guest: TestGuest): Promise<void> {
  const before = performance.now();
  await alarms(guest, {
    script: `echo 1500 > /proc/sys/fs/file-max
      /lib/testbed/hog files -50 & echo $! > /run/files
      for i in $(seq 40); do timeout 20 sh -c 'while :; do :; done' & done`,
    failing: {
      handles: /^no more files can be opened: 1\d{3} open of 1500 \(ENFILE\)$/,
      load: /^load average \d+(\.\d+)? over 1 min \(limit 3\)$/,
    },
    undo: "kill $(cat /run/files)",
  });
  await report(guest, before, "lateness", healthy); // 40 programs that share a processor get their turns
  await report(guest, performance.now(), "handles", healthy);
}

async function starvedPrograms(_: TestContext, guest: TestGuest): Promise<void> {
  const before = performance.now();
  await sh(guest, "echo -1 > /proc/sys/kernel/sched_rt_runtime_us; (sleep 0.5; exec /lib/testbed/hog starve 20) &");
  const late = await report(guest, before, "lateness", failed);
  assert.match(late.reason, /^a new process waits \d+(\.\d)? s for a processor \(limit 2 s\)$/);
  await report(guest, performance.now(), "lateness", healthy);
}

async function shortMemory(_: TestContext, guest: TestGuest): Promise<void> {
  await alarms(guest, {
    script: `dd if=/dev/zero of=/data/swap bs=1M count=24 2> /dev/null && mkswap /data/swap > /dev/null && swapon /data/swap || exit
      echo 4096 > /proc/sys/vm/min_free_kbytes
      echo -1000 > /proc/self/oom_score_adj
      /lib/testbed/hog memory 9 15 & echo $! > /run/memory
      /lib/testbed/hog thrash /dev/vda & echo $! >> /run/memory`,
    failing: {
      swap: /^\d+ KiB of swap in use \(max-swap: 8000 KiB\)$/,
      "min-memory": /^\d+ KiB of memory available \(min-memory: 8000 KiB\)$/,
      thrash: /^thrashing: stalled \d+(\.\d)? % of the last minute \(limit 2 %\), \d+ pages a second needed again, /,
    },
    undo: "kill $(cat /run/memory) && swapoff /data/swap",
  });
  const after = performance.now();
  for (const name of ["swap", "min-memory"]) await report(guest, after, name, healthy);
}

/** More than the guest has: the OOM killer takes each attempt, and nothing else. */
async function unavailableMemory(_: TestContext, guest: TestGuest): Promise<void> {
  const before = performance.now();
  await guest.put("/run/much.conf", Buffer.from("allocatable-memory = 33000\ndisk = none\n"));
  for (let attempt = 1; attempt <= 3; attempt++) {
    const output = await sh(guest, "bernard-guest --once --config /run/much.conf 2> /dev/null", 1);
    assert.match(output, /^allocatable-memory +failing +an attempt to take 132000 KiB of memory was killed /m);
  }
  const kills = await report(guest, before, "oom-kills", failed);
  assert.match(kills.reason, /^the OOM killer took \d+ processes in 10 minutes \(max-oom-kills: 2\)$/);
}

test("what runs out is told, and ends the guest where it is set to", async (t) => {
  const guest = await bootFedGuest(t, { conf: CONF });
  const stories = {
    "close to full, a table of processes or of files is left alone": nearMisses,
    "no process can be started: the guest reboots": fullTable,
    "no file can be opened, and the load is high": openFilesAndLoad,
    "ordinary programs get no processor": starvedPrograms,
    "memory is short, swap is used, the guest thrashes": shortMemory,
    "memory cannot be had": unavailableMemory,
  };
  for (const [name, story] of Object.entries(stories)) await t.test(name, (t) => story(t, guest));
  assert.equal(fires(guest), 0, "an alarm ends nothing, and a reboot in order needs no fire");
  const boots = new Set(guest.messages.flatMap(({ message }) => (isHello(message) ? [message.boot] : [])));
  assert.equal(boots.size, 2, "one reboot");
});
