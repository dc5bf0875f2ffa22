/** A crash kernel (kdump) writes a dump while nobody feeds the device that goes on ticking: its time must do for both. */
import { numberAt } from "./bytes.ts";
import type { Platform } from "./platform.ts";

/** 1 where one is loaded. */
const LOADED = "/sys/kernel/kexec_crash_loaded";

/** Seconds that a small guest's dump may take, its kernel's boot included; a large one's takes longer, and nobody can tell how long. */
const DUMP_S = 180;

/** What to tell whoever configures a shorter timeout; undefined where there is nothing to tell. */
export function crashKernelNotice(platform: Pick<Platform, "readFile">, timeout: number): string | undefined {
  const loaded = platform.readFile(LOADED);
  if (loaded === undefined || numberAt(loaded, 0) !== 1 || timeout >= DUMP_S) return undefined;
  return `a crash kernel is loaded, and ${timeout} s after a crash the watchdog fires into its dump; raise watchdog-timeout to ${DUMP_S}`;
}
