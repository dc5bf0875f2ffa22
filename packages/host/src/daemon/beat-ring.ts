/** A guest's last beats as numbers in rings: what they cost does not depend on what the guest says. */
import type { Beat, Verdict } from "@bernard/protocol";

/** Beats kept: half an hour and more. */
export const BEATS = 200;

/** Readings kept of one guest, verdicts among them; what comes beyond is left out. */
const COLUMNS_MAX = 96;

const VERDICTS: Readonly<Record<Verdict, number>> = { healthy: 0, failing: 1, failed: 2 };

/** Rows of one block of the table: what is not there yet takes no memory, and what is there does not move as more comes. */
const BLOCK_ROWS = 50;

/** In place of a check's name, of what no check has read. */
const OWN = undefined;

/** What the beat at hand says in each column. */
const said = new Float64Array(COLUMNS_MAX);

export class BeatRing {
  /** Milliseconds of the host's clock. */
  readonly #at = new Float64Array(BEATS);
  /** The number of each reading's column, by its check. */
  readonly #columns = new Map<string | undefined, Map<string, number>>();
  /** What each column said in its first row: of most readings all that there is to keep. */
  readonly #first: number[] = [];
  /** Where in the table a column is that did not always say the same. */
  readonly #places: (number | undefined)[] = [];
  /** The table, in blocks of rows of `#width` values: arrays of each column's would take several times the memory. */
  #blocks: Float32Array[] = [];
  #width = 0;
  #count = 0;

  push(at: number, beat: Beat): void {
    this.#read(beat);
    const row = this.#count++ % BEATS;
    this.#at[row] = at;
    this.#blocks[Math.floor(row / BLOCK_ROWS)] ??= new Float32Array(BLOCK_ROWS * this.#width);
    for (let column = 0; column < this.#first.length; column++) {
      const value = said[column]!;
      if (this.#places[column] === undefined && !Object.is(value, this.#first[column])) this.#spread(column);
      const place = this.#places[column];
      if (place !== undefined) this.#blockOf(row)[this.#index(row, place)] = value;
    }
  }

  /** The oldest first; `null` where a beat did not say. `at` in milliseconds before `now`. */
  table(now: number): { readonly columns: readonly string[]; readonly rows: readonly (readonly (number | null)[])[] } {
    const kept = Math.min(this.#count, BEATS);
    const rows = Array.from({ length: kept }, (_, i) => {
      const row = (this.#count - kept + i) % BEATS;
      const values = this.#first.map((first, column) => {
        const place = this.#places[column];
        return place === undefined ? first : this.#blockOf(row)[this.#index(row, place)]!;
      });
      return [now - (this.#at[row] ?? now), ...values].map((value) => (Number.isNaN(value) ? null : value));
    });
    const columns = ["ms_before"];
    for (const [check, readings] of this.#columns) {
      for (const [reading, column] of readings) columns[1 + column] = check === OWN ? reading : `${check} ${reading}`;
    }
    return { columns, rows };
  }

  #read({ late_rounds, worst_late_ms, feeds, checks }: Beat): void {
    said.fill(Number.NaN);
    this.#set(OWN, "late_rounds", late_rounds);
    this.#set(OWN, "worst_late_ms", worst_late_ms);
    this.#set(OWN, "feeds", feeds);
    for (const { name, verdict, readings } of checks) {
      this.#set(name, "verdict", VERDICTS[verdict]);
      for (const reading in readings) this.#set(name, reading, readings[reading] ?? Number.NaN);
    }
  }

  #set(check: string | undefined, reading: string, value: number): void {
    const column = this.#columns.get(check)?.get(reading) ?? this.#begin(check, reading, value);
    if (column !== undefined) said[column] = value;
  }

  /** A column for a reading that was never heard of before; undefined: there is no room for it. */
  #begin(check: string | undefined, reading: string, value: number): number | undefined {
    const column = this.#first.length;
    if (column >= COLUMNS_MAX) return undefined;
    const readings = this.#columns.get(check) ?? new Map<string, number>();
    readings.set(reading, column);
    this.#columns.set(check, readings);
    this.#first.push(this.#count === 0 ? value : Number.NaN);
    this.#places.push(undefined);
    return column;
  }

  /** A column that says something else for the first time gets its place in the table. */
  #spread(column: number): void {
    const place = this.#width++;
    this.#places[column] = place;
    this.#blocks = this.#blocks.map((block) => {
      const wider = new Float32Array(BLOCK_ROWS * this.#width);
      for (let row = 0; row < BLOCK_ROWS; row++) {
        wider.set(block.subarray(row * place, (row + 1) * place), row * this.#width);
        wider[this.#index(row, place)] = this.#first[column]!;
      }
      return wider;
    });
  }

  #blockOf(row: number): Float32Array {
    return this.#blocks[Math.floor(row / BLOCK_ROWS)]!;
  }

  /** Within its block. */
  #index(row: number, place: number): number {
    return (row % BLOCK_ROWS) * this.#width + place;
  }
}
