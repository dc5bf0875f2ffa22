/** A crash kernel (kdump) writes a dump while nobody feeds the device that goes on ticking: its time must do for both. */
import { numberAt } from "./bytes.ts";
import type { Settings } from "./config.ts";
import type { Platform } from "./platform.ts";

/** 1 where one is loaded. */
const LOADED = "/sys/kernel/kexec_crash_loaded";

/** Seconds that a small guest's dump may take, its kernel's boot included; a large one's takes longer, and nobody can tell how long. */
const DUMP_S = 180;

/**
 * What to tell whoever leaves a dump less; undefined where there is nothing to tell.
 * @param timeout of the device, in seconds
 */
export function crashKernelNotice(
  platform: Pick<Platform, "readFile">,
  timeout: number,
  settings: Settings,
): string | undefined {
  const loaded = platform.readFile(LOADED);
  if (loaded === undefined || numberAt(loaded, 0) !== 1) return undefined;
  const after = (seconds: number, key: string) =>
    `a crash kernel is loaded, and ${seconds} s after a crash the watchdog fires into its dump; raise ${key} to ${DUMP_S}`;
  if (timeout < DUMP_S) return after(timeout, "watchdog-timeout");
  const deadline = settings.number("end-deadline");
  return settings.hasEnd("panic") && deadline < DUMP_S ? after(deadline, "end-deadline") : undefined;
}
