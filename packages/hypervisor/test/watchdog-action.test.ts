/** What QEMU is told so that its watchdog device acts in another way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Monitor } from "../src/fire-mark.ts";
import { QmpCommandError } from "../src/qemu/errors.ts";
import { setWatchdogAction } from "../src/watchdog-action.ts";

/** A monitor that refuses what it does not know, and any action but these. */
function monitor(known: readonly string[], actions: readonly unknown[]) {
  const asked: unknown[] = [];
  const ask: Monitor = async (command, args = {}) => {
    asked.push([command, args]);
    if (!known.includes(command)) throw new QmpCommandError(command, "CommandNotFound", "not found");
    if (!Object.values(args).some((each) => actions.includes(each))) {
      throw new QmpCommandError(command, "GenericError", "no such action");
    }
  };
  return { ask, asked };
}

test("a QEMU before 6.0 has a command of its own for it", async () => {
  const { ask, asked } = monitor(["watchdog-set-action"], ["pause"]);
  await setWatchdogAction(ask, "pause");
  assert.deepEqual(asked, [
    ["set-action", { watchdog: "pause" }],
    ["watchdog-set-action", { action: "pause" }],
  ]);
});

test("what a QEMU refuses is not asked for in another way", async () => {
  const { ask, asked } = monitor(["set-action", "watchdog-set-action"], ["pause"]);
  await assert.rejects(setWatchdogAction(ask, "none"), /no such action/);
  assert.deepEqual(asked, [["set-action", { watchdog: "none" }]]);
});
