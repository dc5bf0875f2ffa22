/**
 * The guest thrashes: for minutes it does little but read back pages that it had to drop a moment ago, from swap or from files.
 *
 * The memory check sees a guest with nothing left at once; this one sees the guest that always has a little left, because what is
 * needed next is what was dropped last. All must hold: every task stalled for most of a minute (PSI), pages dropped and needed again
 * (a container held back by its memory.high stalls without any), and little memory available (a backup reads much again while
 * there is plenty). Without PSI nothing is said.
 *
 *   /proc/pressure/memory   "... \nfull avg10=48.13 avg60=61.20 avg300=5.11 total=41233211\n"
 *   /proc/vmstat            "workingset_refault_anon 120\nworkingset_refault_file 5300\n"; one line before Linux 5.9
 */
import { behind, encode, numberBehind } from "../bytes.ts";
import { type Check, type CheckKind, endKey, holdKey, type Reading } from "../check.ts";
import type { End } from "../end.ts";
import { availableKib, wholeKib } from "../kernel/meminfo.ts";
import { EventRate } from "../kernel/vmstat.ts";
import { percent, round } from "../percent.ts";
import type { Platform } from "../platform.ts";

const ENOMEM = 12;

const FULL = encode("full avg10=");
const AVG60 = encode("avg60=");
const REFAULTS = ["workingset_refault_anon", "workingset_refault_file", "workingset_refault"];

/** Milliseconds: averages over a minute need no closer look. */
const PERIOD = 5000;

/** Fewer pages needed again each second than this are none: even a slow disk brings hundreds. */
const FEW_REFAULTS = 20;

/** Percent of all but huge pages, and KiB: with more available than either, memory is not what is short. */
const ENOUGH_PERCENT = 10;
const ENOUGH_KIB = 4 * 1024 * 1024;

/** Once over, as much again as this share of the limit still counts. */
const RECOVERED = 0.5;

class ThrashCheck implements Check {
  readonly name = "thrash";
  readonly limit: string;
  readonly end: End;
  readonly code = ENOMEM;
  readonly period = PERIOD;
  readonly #maxThrash: number;
  readonly #hold: number;
  readonly #readPressure: () => Uint8Array | undefined;
  readonly #readMeminfo: () => Uint8Array | undefined;
  readonly #refaults: EventRate;
  #over = false;

  constructor(maxThrash: number, hold: number, end: End, platform: Platform) {
    this.limit = `${maxThrash} % stalled`;
    this.end = end;
    this.#maxThrash = maxThrash;
    this.#hold = hold;
    this.#refaults = new EventRate(REFAULTS, platform);
    this.#readPressure = platform.reader("/proc/pressure/memory");
    this.#readMeminfo = platform.reader("/proc/meminfo");
  }

  read(now: number): Reading {
    const pressure = this.#readPressure();
    const at = pressure === undefined ? -1 : behind(pressure, FULL);
    if (pressure === undefined || at === -1) return { reason: "", readings: {} };
    const stall = numberBehind(pressure.subarray(at), AVG60);
    const stalled = stall >= this.#maxThrash * (this.#over ? RECOVERED : 1);
    const rate = this.#refaults.sample(now);
    const meminfo = stalled ? this.#readMeminfo() : undefined;
    const available = meminfo === undefined ? Number.NaN : availableKib(meminfo);
    const share = meminfo === undefined ? Number.NaN : percent(available, wholeKib(meminfo));
    this.#over = rate >= FEW_REFAULTS && share < ENOUGH_PERCENT && available < ENOUGH_KIB;
    return {
      reason: this.#over
        ? `thrashing: stalled ${round(stall)} % of the last minute (limit ${this.#maxThrash} %), ${Math.round(rate)} pages a second needed again, ${round(share)} % of memory available`
        : "",
      readings: { full_avg60_percent: stall, refaults_per_s: Math.round(rate) },
      hold: this.#hold,
    };
  }
}

export const thrash: CheckKind = {
  keys: [
    {
      name: "max-thrash",
      type: "number",
      unit: "percent of time",
      min: 0,
      max: 100,
      fallback: 60,
      help: "memory thrashes from this PSI 'full avg60' on, if pages come back and little is available; 0: off",
    },
    holdKey("thrash", 300),
    endKey("thrash", "reboot"),
  ],
  create({ settings, platform }) {
    const maxThrash = settings.number("max-thrash");
    if (maxThrash === 0) return [];
    return [new ThrashCheck(maxThrash, settings.number("thrash-hold") * 1000, settings.end("thrash"), platform)];
  },
};
