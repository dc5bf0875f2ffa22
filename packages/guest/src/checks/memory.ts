/**
 * Memory is exhausted: hardly any is available, and the guest stalls for want of it.
 *
 * Both are needed. MemAvailable alone is low in many a healthy guest; pressure alone is high when one container thrashes
 * inside its own limit. Without PSI (kernels before 4.20, psi=0, Red Hat's default) swap must be used up, and pages
 * that were dropped must be needed again all the time.
 *
 * PSI's average needs seconds to follow, so what it has counted since the last look makes the check fail as well; but only a stall
 * that has carried the average over the limit ends the guest.
 *
 *   /proc/meminfo           "MemTotal:         201234 kB\n ... MemAvailable:     5120 kB\n"
 *   /proc/vmstat            "pgmajfault 4711\nworkingset_activate_file 12\n"; the latter in one before Linux 5.9, not there before 3.15
 *   /proc/pressure/memory   "some avg10=61.20 ...\nfull avg10=48.13 avg60=20.02 avg300=5.11 total=41233211\n"
 */
import { behind, encode, numberAt, numberBehind } from "../bytes.ts";
import { type Check, type CheckKind, endKey, holdKey, type Reading } from "../check.ts";
import type { End } from "../end.ts";
import { availableKib, PAGE_KIB, pagesKey, wholeKib } from "../kernel/meminfo.ts";
import { EventRate } from "../kernel/vmstat.ts";
import { percent, round } from "../percent.ts";
import type { Platform } from "../platform.ts";

const ENOMEM = 12;

const SWAP_TOTAL = encode("SwapTotal:");
const SWAP_FREE = encode("SwapFree:");
const FULL_AVG10 = encode("full avg10=");
const TOTAL = encode("total=");

/** Once over the limits, this much better is needed to count as well again, so that a reading that wavers keeps its hold time. */
const RECOVERED_AVAILABLE = 1.5;
const RECOVERED_PRESSURE = 0.5;

/** This much (KiB) is never too little, however large the guest: a few percent of it may be far more than anything needs. */
const ENOUGH = 1024 * 1024;

/** Share of swap that must be left for a kernel without PSI to count as well, in percent. */
const SWAP_LEFT = 5;

/**
 * Pages in use that had to be dropped and were needed again, by programs themselves or by files that they read over and over. A backup
 * that streams through a full guest brings none: what it reads again was not in use (workingset_refault would count it).
 */
const NEEDED_AGAIN = ["pgmajfault", "workingset_activate_anon", "workingset_activate_file", "workingset_activate"];

/** Without PSI fewer of them a second are none: even a slow disk brings hundreds. */
const FEW = 20;

/** Has a look taken early, ms stalled of ms: the look is where it is judged. */
const EARLY_STALL = 150;
const EARLY_WINDOW = 1000;

/** Over less time (ms) than this a share is noise. */
const SHORTEST_SHARE = 500;

/** Hold time (ms) of a stall that has not carried the average over the limit: the longest that there is. */
const UNPROVEN_HOLD = 86_400_000;

interface MemoryLimits {
  /** Percent of what the guest has for its programs and files. */
  readonly minAvailable: number;
  /** Percent of the time in which every task was stalled. */
  readonly maxPressure: number;
  /** Milliseconds. */
  readonly hold: number;
}

class MemoryCheck implements Check {
  readonly name = "memory";
  readonly limit: string;
  readonly end: End;
  readonly code = ENOMEM;
  readonly #limits: MemoryLimits;
  readonly #readMeminfo: () => Uint8Array | undefined;
  readonly #readPressure: () => Uint8Array | undefined;
  readonly #neededAgain: EventRate;
  #over = false;
  #proven = false;
  /** Microseconds stalled since boot, and when (ms) that was read. */
  #stalled = Number.NaN;
  #countedAt = Number.NaN;
  /** Percent of the time between the last two counts. */
  #share = Number.NaN;

  constructor(limits: MemoryLimits, end: End, platform: Platform) {
    this.limit = `${limits.minAvailable} % available and ${limits.maxPressure} % stalled`;
    this.end = end;
    this.#limits = limits;
    this.#readMeminfo = platform.reader("/proc/meminfo");
    this.#readPressure = platform.reader("/proc/pressure/memory");
    this.#neededAgain = new EventRate(NEEDED_AGAIN, platform);
  }

  read(now: number): Reading {
    const meminfo = this.#readMeminfo();
    if (meminfo === undefined) return { reason: "", readings: {} };
    const available = availableKib(meminfo);
    const whole = wholeKib(meminfo);
    const availablePercent = percent(available, whole);
    const minAvailable = Math.min(this.#limits.minAvailable, percent(ENOUGH, whole));
    const average = this.#takePressure(now);
    const stall = Math.max(average, this.#share || 0);

    const short = availablePercent < minAvailable * (this.#over ? RECOVERED_AVAILABLE : 1);
    const recovered = this.#over ? RECOVERED_PRESSURE : 1;
    const exhausted = short && Number.isNaN(average) && !(swapLeft(meminfo) >= SWAP_LEFT);
    const neededAgain = exhausted ? this.#neededAgain.sample(now) : Number.NaN;
    const stalled = neededAgain >= FEW * recovered || stall >= this.#limits.maxPressure * recovered;
    this.#over = short && stalled;
    this.#proven = this.#over && (this.#proven || !(average < this.#limits.maxPressure));
    return {
      reason: this.#over ? this.#explain(availablePercent, minAvailable, stall, neededAgain) : "",
      readings: {
        available_kib: available,
        available_percent: round(availablePercent),
        full_avg10_percent: average,
        full_percent: round(this.#share),
        needed_again_per_s: Math.round(neededAgain),
      },
      hold: this.#proven ? this.#limits.hold : UNPROVEN_HOLD,
    };
  }

  /** The average over 10 s, NaN without PSI; counts the share since the last look. */
  #takePressure(now: number): number {
    const pressure = this.#readPressure();
    const at = pressure === undefined ? -1 : behind(pressure, FULL_AVG10);
    if (pressure === undefined || at === -1) return Number.NaN;
    if (!(now - this.#countedAt < SHORTEST_SHARE)) {
      const stalled = numberBehind(pressure.subarray(at), TOTAL);
      this.#share = percent((stalled - this.#stalled) / 1000, now - this.#countedAt);
      this.#stalled = stalled;
      this.#countedAt = now;
    }
    return numberAt(pressure, at);
  }

  #explain(availablePercent: number, minAvailable: number, stall: number, neededAgain: number): string {
    const left = `${round(availablePercent)} % of memory available (limit ${round(minAvailable)} %)`;
    if (!Number.isNaN(neededAgain))
      return `${left}, swap used up, ${Math.round(neededAgain)} pages a second needed again`;
    return `${left}, stalled ${round(stall)} % of the time (limit ${this.#limits.maxPressure} %)`;
  }
}

/** In percent; NaN without any swap. */
function swapLeft(meminfo: Uint8Array): number {
  return percent(numberBehind(meminfo, SWAP_FREE), numberBehind(meminfo, SWAP_TOTAL));
}

/** watchdog(8)'s `min-memory`: so many pages must be available, stalled or not. */
class MinMemoryCheck implements Check {
  readonly name = "min-memory";
  readonly limit: string;
  readonly end: End;
  readonly code = ENOMEM;
  readonly #limit: number;
  readonly #hold: number;
  readonly #readMeminfo: () => Uint8Array | undefined;

  constructor(limit: number, hold: number, end: End, platform: Platform) {
    this.limit = `${limit} KiB available`;
    this.end = end;
    this.#limit = limit;
    this.#hold = hold;
    this.#readMeminfo = platform.reader("/proc/meminfo");
  }

  read(): Reading {
    const meminfo = this.#readMeminfo();
    if (meminfo === undefined) return { reason: "", readings: {} };
    const available = availableKib(meminfo);
    return {
      reason: available < this.#limit ? `${available} KiB of memory available (min-memory: ${this.#limit} KiB)` : "",
      readings: { available_kib: available },
      hold: this.#hold,
    };
  }
}

export const memory: CheckKind = {
  keys: [
    {
      name: "min-available",
      type: "number",
      unit: "percent of MemTotal without huge pages",
      min: 0,
      max: 50,
      fallback: 3,
      help: "memory fails below this MemAvailable (1 GiB at most), if it also stalls; 0: off",
    },
    {
      name: "max-memory-pressure",
      type: "number",
      unit: "percent of time",
      min: 1,
      max: 100,
      fallback: 40,
      help: "memory stalls from this PSI 'full avg10' on",
    },
    pagesKey("min-memory", "memory fails below this MemAvailable for retry-timeout, stalled or not; 0: off"),
    holdKey("memory", 30, "min-available and max-memory-pressure must both be passed for this long"),
    endKey("memory", "reboot"),
  ],
  create({ settings, platform, use }) {
    const checks: Check[] = [];
    const end = settings.end("memory");
    const minAvailable = settings.number("min-available");
    if (minAvailable > 0) {
      const hold = settings.number("memory-hold") * 1000;
      const limits = { minAvailable, maxPressure: settings.number("max-memory-pressure"), hold };
      if (use === "watch") platform.wakeOnMemoryStall(EARLY_STALL, EARLY_WINDOW);
      checks.push(new MemoryCheck(limits, end, platform));
    }
    const minMemory = settings.number("min-memory") * PAGE_KIB;
    if (minMemory > 0) {
      checks.push(new MinMemoryCheck(minMemory, settings.number("retry-timeout") * 1000, end, platform));
    }
    return checks;
  },
};
