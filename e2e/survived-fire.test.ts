/** The device fires and the guest lives on: the device is dead then, and the daemon must notice and arm it anew. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { bootFedGuest, DAEMON, DEADLINES, fires, printed, sh, ticks } from "./stage.ts";

suite("a guest that survived a fire is protected again after action", { concurrency: 2 }, () => {
  for (const [name, action, meanwhile] of [
    ["none", "none", ""],
    ["none, with nowayout set", "none", "echo 1 > /sys/class/watchdog/watchdog0/nowayout"],
    ["inject-nmi", "inject-nmi", ""],
    ["pause, and a resume", "pause", ""],
  ] as const) {
    test(name, async (t) => {
      const guest = await bootFedGuest(t, { action });
      assert.equal(await ticks(guest), true, "it ticks");
      const stopped = performance.now();
      await guest.run(`kill -STOP ${DAEMON}; ${meanwhile}`);
      await guest.nextEvent("WATCHDOG", { deadlineMs: DEADLINES.fireMs, sinceMs: stopped });
      if (action === "pause") {
        await guest.nextEvent("STOP", { deadlineMs: 5000, sinceMs: stopped });
        await guest.resume();
      }
      assert.equal(await ticks(guest), false, "it has switched itself off");
      assert.equal(
        await printed(guest, "cat /sys/class/watchdog/watchdog0/state"),
        "active",
        "and sysfs does not know",
      );
      const told = await sh(
        guest,
        `kill -CONT ${DAEMON}
        until dmesg | grep "armed anew"; do usleep 100000; done`,
      );
      assert.match(
        told,
        /the watchdog device ticks no more: it fired and the guest lives on, or the guest slept; armed anew, timeout 10 s/,
      );
      assert.equal(await ticks(guest), true, "it ticks again");
      const killed = performance.now();
      await guest.run(`kill -9 ${DAEMON}`);
      await guest.nextEvent("WATCHDOG", { deadlineMs: DEADLINES.fireMs, sinceMs: killed });
      assert.equal(fires(guest), 2);
    });
  }
});
