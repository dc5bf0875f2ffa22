/**
 * Memory is exhausted: hardly any is available, and the guest stalls for want of it.
 *
 * Both are needed. MemAvailable alone is low in many a healthy guest; pressure alone is high when one container thrashes
 * inside its own limit. Without PSI (kernels before 4.20, psi=0) swap must be used up as well.
 *
 *   /proc/meminfo           "MemTotal:         201234 kB\n ... MemAvailable:     5120 kB\n"
 *   /proc/pressure/memory   "some avg10=61.20 ...\nfull avg10=48.13 avg60=20.02 avg300=5.11 total=41233211\n"
 */
import { encode, numberBehind } from "../bytes.ts";
import { type Check, type CheckKind, endKey, holdKey, type Reading } from "../check.ts";
import type { End } from "../end.ts";
import type { Platform } from "../platform.ts";

const ENOMEM = 12;

const MEM_TOTAL = encode("MemTotal:");
const MEM_AVAILABLE = encode("MemAvailable:");
const SWAP_TOTAL = encode("SwapTotal:");
const SWAP_FREE = encode("SwapFree:");
const FULL_AVG10 = encode("full avg10=");

/** Once over the limits, this much better is needed to count as well again, so that a reading that wavers keeps its hold time. */
const RECOVERED_AVAILABLE = 1.5;
const RECOVERED_PRESSURE = 0.5;

/** Share of swap that must be left for a kernel without PSI to count as well, in percent. */
const SWAP_LEFT = 5;

interface MemoryLimits {
  /** Percent of MemTotal. */
  readonly minAvailable: number;
  /** Percent of the last 10 s in which every task was stalled. */
  readonly maxPressure: number;
  /** Milliseconds. */
  readonly hold: number;
}

class MemoryCheck implements Check {
  readonly name = "memory";
  readonly end: End;
  readonly code = ENOMEM;
  readonly #limits: MemoryLimits;
  readonly #readMeminfo: () => Uint8Array | undefined;
  readonly #readPressure: () => Uint8Array | undefined;
  #over = false;

  constructor(limits: MemoryLimits, end: End, platform: Platform) {
    this.end = end;
    this.#limits = limits;
    this.#readMeminfo = platform.reader("/proc/meminfo");
    this.#readPressure = platform.reader("/proc/pressure/memory");
  }

  read(): Reading {
    const meminfo = this.#readMeminfo();
    if (meminfo === undefined) return { reason: "", readings: {} };
    const available = numberBehind(meminfo, MEM_AVAILABLE);
    const availablePercent = percent(available, numberBehind(meminfo, MEM_TOTAL));
    const swapPercent = percent(numberBehind(meminfo, SWAP_FREE), numberBehind(meminfo, SWAP_TOTAL));
    const pressure = this.#readPressure();
    const full = pressure === undefined ? Number.NaN : numberBehind(pressure, FULL_AVG10);

    const short = availablePercent < this.#limits.minAvailable * (this.#over ? RECOVERED_AVAILABLE : 1);
    const stalled = Number.isNaN(full)
      ? !(swapPercent >= SWAP_LEFT)
      : full >= this.#limits.maxPressure * (this.#over ? RECOVERED_PRESSURE : 1);
    this.#over = short && stalled;
    return {
      reason: this.#over ? this.#explain(availablePercent, full) : "",
      readings: {
        available_kib: available,
        available_percent: round(availablePercent),
        ...(Number.isNaN(full) ? {} : { full_avg10_percent: full }),
      },
      hold: this.#limits.hold,
    };
  }

  #explain(availablePercent: number, full: number): string {
    const left = `${round(availablePercent)} % of memory available (limit ${this.#limits.minAvailable} %)`;
    if (Number.isNaN(full)) return `${left}, swap used up`;
    return `${left}, stalled ${round(full)} % of the time (limit ${this.#limits.maxPressure} %)`;
  }
}

/** NaN where there is nothing to have a share of, such as swap in a guest without any. */
function percent(part: number, whole: number): number {
  return whole > 0 ? (100 * part) / whole : Number.NaN;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export const memory: CheckKind = {
  keys: [
    {
      name: "min-available",
      type: "number",
      unit: "percent of MemTotal",
      min: 0,
      max: 50,
      fallback: 3,
      help: "memory fails below this MemAvailable, if it also stalls; 0: off",
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
    holdKey("memory", 30, "both must last this long"),
    endKey("memory", "reboot"),
  ],
  create({ settings, platform }) {
    const minAvailable = settings.number("min-available");
    if (minAvailable === 0) return [];
    const hold = settings.number("memory-hold") * 1000;
    const limits = { minAvailable, maxPressure: settings.number("max-memory-pressure"), hold };
    return [new MemoryCheck(limits, settings.end("memory"), platform)];
  },
};
