/**
 * Swap is used up, by watchdog(8)'s `max-swap`. Swap in use is healthy in itself, idle pages belong there, so nothing is said
 * without that key: what swapping does to the guest is for thrash.ts to see.
 *
 *   /proc/meminfo   "... SwapTotal:       1048572 kB\nSwapFree:         524288 kB\n ..."
 */
import { encode, numberBehind } from "../bytes.ts";
import { type Check, type CheckKind, endKey, type Reading } from "../check.ts";
import type { End } from "../end.ts";
import { PAGE_KIB, pagesKey } from "../kernel/meminfo.ts";
import type { Platform } from "../platform.ts";

const ENOMEM = 12;

const SWAP_TOTAL = encode("SwapTotal:");
const SWAP_FREE = encode("SwapFree:");

class SwapCheck implements Check {
  readonly name = "swap";
  readonly limit: string;
  readonly end: End;
  readonly code = ENOMEM;
  readonly #limit: number;
  readonly #hold: number;
  readonly #readMeminfo: () => Uint8Array | undefined;

  constructor(limit: number, hold: number, end: End, platform: Platform) {
    this.limit = `${limit} KiB used`;
    this.end = end;
    this.#limit = limit;
    this.#hold = hold;
    this.#readMeminfo = platform.reader("/proc/meminfo");
  }

  read(): Reading {
    const meminfo = this.#readMeminfo();
    if (meminfo === undefined) return { reason: "", readings: {} };
    const used = numberBehind(meminfo, SWAP_TOTAL) - numberBehind(meminfo, SWAP_FREE);
    return {
      reason: used > this.#limit ? `${used} KiB of swap in use (max-swap: ${this.#limit} KiB)` : "",
      readings: { swap_used_kib: used },
      hold: this.#hold,
    };
  }
}

export const swap: CheckKind = {
  keys: [
    pagesKey("max-swap", "swap fails with more than this in use for retry-timeout; 0: off"),
    endKey("swap", "reboot"),
  ],
  create({ settings, platform }) {
    const limit = settings.number("max-swap") * PAGE_KIB;
    if (limit === 0) return [];
    return [new SwapCheck(limit, settings.number("retry-timeout") * 1000, settings.end("swap"), platform)];
  },
};
