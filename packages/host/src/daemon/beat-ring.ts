/** A guest's last beats as numbers in rings: what they cost does not depend on what the guest says. */
import type { Beat, Verdict } from "@bernard/protocol";

/** Beats kept: half an hour and more. */
export const BEATS = 200;

/** Readings kept of one guest, verdicts among them; what comes beyond is left out. */
const COLUMNS_MAX = 96;

const VERDICTS: Readonly<Record<Verdict, number>> = { healthy: 0, failing: 1, failed: 2 };

/** What is not there yet takes no memory: a table begins with so many rows, and they double. */
const ROWS_FIRST = 25;

export class BeatRing {
  /** Milliseconds of the host's clock. */
  readonly #at = new Float64Array(BEATS);
  /** Of each reading. */
  readonly #columns = new Map<string, number>();
  /** One table, for a thousand guests' small arrays would take several times the memory: `#rows` of `#width` values. */
  #values = new Float32Array(0);
  #rows = 0;
  #width = 0;
  #count = 0;

  push(at: number, beat: Beat): void {
    if (this.#count >= this.#rows && this.#rows < BEATS) {
      this.#resize(Math.min(BEATS, this.#rows === 0 ? ROWS_FIRST : 2 * this.#rows), this.#width);
    }
    const row = this.#count++ % BEATS;
    this.#at[row] = at;
    this.#values.fill(Number.NaN, row * this.#width, (row + 1) * this.#width);
    this.#set(row, "late_rounds", beat.late_rounds);
    this.#set(row, "worst_late_ms", beat.worst_late_ms);
    this.#set(row, "feeds", beat.feeds);
    for (const { name, verdict, readings } of beat.checks) {
      this.#set(row, `${name} verdict`, VERDICTS[verdict]);
      for (const reading in readings) this.#set(row, `${name} ${reading}`, readings[reading] ?? Number.NaN);
    }
  }

  /** The oldest first; `null` where a beat did not say. `at` in milliseconds before `now`. */
  table(now: number): { readonly columns: readonly string[]; readonly rows: readonly (readonly (number | null)[])[] } {
    const kept = Math.min(this.#count, BEATS);
    const rows = Array.from({ length: kept }, (_, i) => {
      const row = (this.#count - kept + i) % BEATS;
      const start = row * this.#width;
      const values = this.#values.subarray(start, start + this.#columns.size);
      return [now - (this.#at[row] ?? now), ...values].map((value) => (Number.isNaN(value) ? null : value));
    });
    return { columns: ["ms_before", ...this.#columns.keys()], rows };
  }

  #set(row: number, name: string, value: number): void {
    let column = this.#columns.get(name);
    if (column === undefined) {
      column = this.#columns.size;
      if (column >= COLUMNS_MAX) return;
      if (column >= this.#width) this.#resize(this.#rows, this.#width + 1);
      this.#columns.set(name, column);
    }
    this.#values[row * this.#width + column] = value;
  }

  #resize(rows: number, width: number): void {
    const values = new Float32Array(rows * width).fill(Number.NaN);
    for (let row = 0; row < this.#rows; row++) {
      values.set(this.#values.subarray(row * this.#width, (row + 1) * this.#width), row * width);
    }
    this.#values = values;
    this.#rows = rows;
    this.#width = width;
  }
}
