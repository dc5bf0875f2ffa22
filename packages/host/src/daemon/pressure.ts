/** The host's own pressure, as Linux tells it; a kernel without PSI has none to tell. */
import { readFileSync } from "node:fs";
import type { HostPressure } from "../engine/input.ts";

/** Milliseconds that a reading is good for: the kernel makes these averages anew every 2 s. */
const GOOD_MS = 1_000;

let last: { readonly at: number; readonly pressure: HostPressure } | undefined;

/** Read at once, without a thread: no disk is behind these files, and many guests are looked at in the same second. */
export function hostPressure(): HostPressure {
  const at = performance.now();
  if (last !== undefined && at - last.at < GOOD_MS) return last.pressure;
  const pressure = {
    cpuSome: avg10("cpu", "some"),
    memoryFull: avg10("memory", "full"),
    ioFull: avg10("io", "full"),
  };
  last = { at, pressure };
  return pressure;
}

/** `some avg10=1.53 avg60=0.87 avg300=0.52 total=1089236` -> 1.53 */
function avg10(name: string, line: "some" | "full"): number {
  try {
    const text = readFileSync(`/proc/pressure/${name}`, "utf8");
    return Number(new RegExp(`^${line} avg10=([0-9.]+)`, "m").exec(text)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
