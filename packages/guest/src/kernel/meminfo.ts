/**
 * What `/proc/meminfo` says of the whole guest, in KiB.
 *
 *   "MemTotal:         201234 kB\nMemFree:  ...\n ... HugePages_Total:       0\n ... Hugepagesize:       2048 kB\n"
 */
import { encode, numberBehind } from "../bytes.ts";
import type { Key } from "../config.ts";

const MEM_TOTAL = encode("MemTotal:");
const MEM_FREE = encode("MemFree:");
const MEM_AVAILABLE = encode("MemAvailable:");
const BUFFERS = encode("Buffers:");
const CACHED = encode("\nCached:");
const HUGE_PAGES = encode("HugePages_Total:");
const HUGE_PAGE_SIZE = encode("Hugepagesize:");

/** Pages of watchdog(8)'s keys are those of x86, on every architecture. */
export const PAGE_KIB = 4;

/** One of those keys. */
export function pagesKey(name: string, help: string): Key {
  return { name, type: "number", whole: true, unit: "pages of 4 KiB", min: 0, max: 2 ** 32, fallback: 0, help };
}

/** All that programs and files may share: huge pages are set aside, neither available nor lost. */
export function wholeKib(meminfo: Uint8Array): number {
  const pages = numberBehind(meminfo, HUGE_PAGES);
  return numberBehind(meminfo, MEM_TOTAL) - (pages > 0 ? pages * numberBehind(meminfo, HUGE_PAGE_SIZE) : 0);
}

/** Kernels before 3.14 do not say what is available: there, as watchdog(8) counts it. */
export function availableKib(meminfo: Uint8Array): number {
  const available = numberBehind(meminfo, MEM_AVAILABLE);
  if (!Number.isNaN(available)) return available;
  return numberBehind(meminfo, MEM_FREE) + numberBehind(meminfo, BUFFERS) + numberBehind(meminfo, CACHED);
}
