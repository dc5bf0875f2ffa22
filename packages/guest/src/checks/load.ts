/**
 * The load averages, by watchdog(8)'s `max-load-*`; off by default, as there. Load counts tasks that wait for a disk too, and says
 * little of a guest's health: lateness.ts measures what load only hints at.
 *
 *   /proc/loadavg   "0.20 0.18 0.12 1/80 11206\n"
 */
import { fieldAt, numberAt } from "../bytes.ts";
import { type Check, type CheckKind, endKey, type Reading } from "../check.ts";
import type { Settings } from "../config.ts";
import type { End } from "../end.ts";
import { StealMeter } from "../kernel/steal.ts";
import { round } from "../percent.ts";
import type { Platform } from "../platform.ts";

/** watchdog(8)'s own code. */
const LOAD_TOO_HIGH = 253;

/** Milliseconds; the kernel counts each 5 s. */
const PERIOD = 5000;

/** Each average's minutes, and its limit as a share of that of the first where only that one is set. */
const AVERAGES = [
  { minutes: 1, share: 1 },
  { minutes: 5, share: 3 / 4 },
  { minutes: 15, share: 1 / 2 },
] as const;

class LoadCheck implements Check {
  readonly name = "load";
  readonly limit: string;
  readonly end: End;
  readonly code = LOAD_TOO_HIGH;
  readonly period = PERIOD;
  /** As {@link AVERAGES}; 0: any load is well. */
  readonly #limits: readonly number[];
  readonly #hold: number;
  readonly #readLoad: () => Uint8Array | undefined;
  readonly #steal: StealMeter;

  constructor(limits: readonly number[], hold: number, end: End, platform: Platform) {
    this.limit = limits.join(" / ");
    this.end = end;
    this.#limits = limits;
    this.#hold = hold;
    this.#readLoad = platform.reader("/proc/loadavg");
    this.#steal = new StealMeter(platform);
  }

  read(): Reading {
    this.#steal.sample();
    const text = this.#readLoad();
    if (text === undefined) return { reason: "", readings: {} };
    const loads = AVERAGES.map((_, index) => numberAt(text, fieldAt(text, index)));
    const over = this.#steal.isStarved ? -1 : loads.findIndex((load, index) => this.#exceeds(load, index));
    return {
      reason:
        over === -1
          ? ""
          : `load average ${loads[over]} over ${AVERAGES[over]?.minutes} min (limit ${this.#limits[over]})`,
      readings: {
        load_1: loads[0] as number,
        load_5: loads[1] as number,
        load_15: loads[2] as number,
        steal_percent: round(this.#steal.percent),
      },
      hold: this.#hold,
    };
  }

  /** Whole numbers are compared, as there. */
  #exceeds(load: number, index: number): boolean {
    const limit = this.#limits[index] as number;
    return limit > 0 && Math.floor(load) > limit;
  }
}

function limitsIn(settings: Settings): number[] {
  const first = settings.number("max-load-1");
  return AVERAGES.map(({ minutes, share }) => settings.number(`max-load-${minutes}`) || Math.floor(first * share));
}

export const load: CheckKind = {
  keys: [
    ...AVERAGES.map(({ minutes, share }) => ({
      name: `max-load-${minutes}`,
      type: "number" as const,
      whole: true as const,
      unit: "tasks",
      min: 0,
      max: 1_000_000,
      fallback: 0,
      help: `load fails above this average over ${minutes} min, for retry-timeout; 0: ${share === 1 ? "off" : `${share} of max-load-1`}`,
    })),
    endKey("load", "reboot"),
  ],
  create({ settings, platform }) {
    const limits = limitsIn(settings);
    if (limits.every((limit) => limit === 0)) return [];
    return [new LoadCheck(limits, settings.number("retry-timeout") * 1000, settings.end("load"), platform)];
  },
};
