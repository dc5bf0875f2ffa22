/**
 * Time that the host took from the guest's processors. While it takes much, the guest is slow for no fault of its own, and a reset
 * would help nobody.
 *
 *   /proc/stat   "cpu  user nice system idle iowait irq softirq steal ...\n", in ticks since boot
 */
import { fieldAt, numberAt } from "../bytes.ts";
import { percent } from "../percent.ts";
import type { Platform } from "../platform.ts";

/** From this share on (percent of all processors' time) the host is starved. */
const STARVED = 25;

/** Place of steal among the fields of the line for all processors; those behind it are counted in user and nice. */
const STEAL = 8;

export class StealMeter {
  readonly #readStat: () => Uint8Array | undefined;
  #total = Number.NaN;
  #stolen = Number.NaN;
  /** Percent between the last two samples; NaN before there are two. */
  percent = Number.NaN;

  constructor(platform: Platform) {
    this.#readStat = platform.reader("/proc/stat");
  }

  get isStarved(): boolean {
    return this.percent >= STARVED;
  }

  sample(): void {
    const stat = this.#readStat();
    if (stat === undefined) return;
    let total = 0;
    let stolen = Number.NaN;
    for (let field = 1; field <= STEAL; field++) {
      stolen = numberAt(stat, fieldAt(stat, field));
      total += stolen;
    }
    // Nothing has gone by: the last word holds.
    if (total === this.#total) return;
    this.percent = percent(stolen - this.#stolen, total - this.#total);
    this.#total = total;
    this.#stolen = stolen;
  }
}
