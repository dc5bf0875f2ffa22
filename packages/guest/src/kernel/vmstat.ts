/**
 * How often the kernel's memory management did something: counters of /proc/vmstat, since boot.
 *
 *   "nr_free_pages 12031\n ... pgmajfault 4711\n ... allocstall_normal 12\n ..."; for it is long, nobody reads it each round while all is well
 */
import { behind, encode, numberAt } from "../bytes.ts";
import type { Platform } from "../platform.ts";

/** Over less time (ms) than this a rate is noise. */
const SHORTEST = 500;

export class EventRate {
  readonly #keys: readonly Uint8Array[];
  readonly #platform: Platform;
  #count = Number.NaN;
  #countedAt = Number.NaN;
  #rate = Number.NaN;

  /** @param names of counters that are added up; those that the kernel does not have count nothing */
  constructor(names: readonly string[], platform: Platform) {
    this.#keys = names.map((name) => encode(`${name} `));
    this.#platform = platform;
  }

  /** Events a second since the last call; NaN at the first. */
  sample(now: number): number {
    if (now - this.#countedAt < SHORTEST) return this.#rate;
    let count = 0;
    this.#platform.readChunks("/proc/vmstat", (chunk) => {
      for (const key of this.#keys) {
        const at = behind(chunk, key);
        if (at !== -1) count += numberAt(chunk, at);
      }
      return true;
    });
    this.#rate = (1000 * (count - this.#count)) / (now - this.#countedAt);
    this.#count = count;
    this.#countedAt = now;
    return this.#rate;
  }
}
