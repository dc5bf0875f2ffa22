/**
 * Sets what QEMU does when any watchdog device of a guest fires.
 * Reference: https://qemu.readthedocs.io/en/latest/interop/qemu-qmp-ref.html ("set-action")
 */
import type { WatchdogAction } from "@bernard/policy";
import type { Monitor } from "./fire-mark.ts";
import { QmpCommandError } from "./qemu/errors.ts";

export async function setWatchdogAction(monitor: Monitor, action: Exclude<WatchdogAction, "dump">): Promise<void> {
  try {
    await monitor("set-action", { watchdog: action });
  } catch (error) {
    if (!(error instanceof QmpCommandError && error.errorClass === "CommandNotFound")) throw error;
    await monitor("watchdog-set-action", { action }); // before QEMU 6.0
  }
}
