/** What only looks like trouble is left alone, and what ends the feeding on purpose or by murder does what it should. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import type { Beat, GuestMessage } from "@bernard/protocol";
import { freeze, load } from "@bernard/testbed";
import {
  bootFedGuest,
  CONF_FILE,
  DAEMON,
  DEADLINES,
  fires,
  isBeat,
  isBye,
  isHello,
  isLastWords,
  printed,
  sh,
  TIMEOUT_S,
} from "./stage.ts";

/** Milliseconds after which an unfed device has fired, the slack of a busy machine included. */
const UNFED_MS = (TIMEOUT_S + 5) * 1000;

/** In the guest's shell: what keeps the daemon alive (policy 1: SCHED_FIFO), and that its children do without. */
const HARDENED = `
  policy() { echo "$1: scheduling policy $(cut -d' ' -f41 /proc/$2/stat), OOM score adjustment $(cat /proc/$2/oom_score_adj)"; }
  daemon=${DAEMON}
  awk '/^VmSize/ { size = $2 } /^VmLck/ { locked = $2 } END { if (locked > size * 0.99) print "daemon: all its memory is locked" }' /proc/$daemon/status
  policy daemon $daemon
  for child in $(cat /proc/$daemon/task/$daemon/children); do policy $(cat /proc/$child/comm) $child; done | sort`;

const unhealthy = (beat: Beat) => beat.checks.filter(({ verdict }) => verdict !== "healthy");

suite("left alone:", { concurrency: 2 }, () => {
  test("a healthy guest under load, for 60 s", async (t) => {
    const guest = await bootFedGuest(t);
    await load(guest, 60);
    await guest.nextMessage(isBeat, { deadlineMs: UNFED_MS });
    assert.equal(fires(guest), 0);
    assert.deepEqual(
      guest.messages.filter(({ message }) => isLastWords(message)),
      [],
    );
  });

  test("a file system that a backup freezes for 20 s", async (t) => {
    const guest = await bootFedGuest(t);
    const frozenAt = performance.now();
    await freeze(guest, 20);
    const known = (message: GuestMessage): message is Beat =>
      isBeat(message) && message.checks.some((check) => check.readings.frozen === 1);
    await guest.nextMessage(known, { deadlineMs: 20_000, sinceMs: frozenAt });
    const thawed = (message: GuestMessage): message is Beat =>
      isBeat(message) && message.checks.some((check) => check.readings.frozen === 0 && check.readings.waiting_s === 0);
    const after = await guest.nextMessage(thawed, { deadlineMs: 40_000 });
    assert.deepEqual(unhealthy(after.message), []);
    assert.equal(fires(guest), 0);
  });

  test("a file system that an administrator remounts read-only", async (t) => {
    const guest = await bootFedGuest(t);
    await sh(guest, "mount -o remount,ro /data && ! touch /data/refused");
    // Two probe intervals and a beat: the refusal has been seen, and its hold time is over.
    const refused = (message: GuestMessage): message is Beat =>
      isBeat(message) && message.checks.some((check) => check.readings.writable === 0);
    const seen = await guest.nextMessage(refused, { deadlineMs: 30_000 });
    await guest.nextMessage(refused, { deadlineMs: 30_000, sinceMs: seen.atMs + 1 });
    assert.equal(fires(guest), 0);
    assert.deepEqual(unhealthy(seen.message), []);
  });

  test("a clean stop; then the port belongs to whoever writes garbage into it, and the host does not mind", async (t) => {
    const guest = await bootFedGuest(t);
    const hardened = await printed(guest, HARDENED);
    assert.deepEqual(
      hardened.split("\n"),
      [
        "daemon: all its memory is locked",
        "daemon: scheduling policy 1, OOM score adjustment -1000",
        "bernard-probe: scheduling policy 0, OOM score adjustment 0",
        "bernard-spawner: scheduling policy 0, OOM score adjustment 0",
      ],
      "the daemon lives through exhaustion, its children are like any other process",
    );
    const busy = await guest.run(`bernard-guest --config ${CONF_FILE}`);
    assert.equal(busy.code, 3, "a second daemon is refused");
    assert.match(busy.output, /\/dev\/watchdog0: another program holds it/);
    await sh(guest, `daemon=${DAEMON}; kill $daemon; while [ -d /proc/$daemon ]; do usleep 50000; done`);
    const bye = await guest.nextMessage(isBye, { deadlineMs: 10_000, sinceMs: 0 });
    assert.equal(bye.message.armed, false);
    const port = "/dev/virtio-ports/org.bernard.guest.0";
    await sh(
      guest,
      `dd if=/dev/zero bs=64k count=16 > ${port}; echo > ${port}; echo '{"v":1,"type":"hello"}' > ${port}`,
    );
    await assert.rejects(guest.nextEvent("WATCHDOG", { deadlineMs: UNFED_MS }), /no WATCHDOG event/);
    assert.deepEqual({ overlong: guest.dropped.overlong, garbled: guest.dropped.garbled }, { overlong: 1, garbled: 1 });
    await sh(guest, "true"); // the guest lives on
  });
});

suite("not left alone:", () => {
  test("a daemon that was killed: the device fires, and the guest comes back", async (t) => {
    const guest = await bootFedGuest(t);
    const killed = performance.now();
    await guest.run(`kill -9 ${DAEMON}`);
    await guest.nextEvent("WATCHDOG", { deadlineMs: DEADLINES.fireMs, sinceMs: killed });
    const back = { deadlineMs: DEADLINES.feedingMs, sinceMs: killed };
    const hello = await guest.nextMessage(isHello, back);
    const before = guest.messages.map(({ message }) => message).find(isHello);
    assert.ok(before !== undefined && hello.message.boot !== before.boot, "booted anew");
  });
});
