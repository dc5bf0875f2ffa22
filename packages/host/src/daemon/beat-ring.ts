/** A guest's last beats as numbers in rings: what they cost does not depend on what the guest says. */
import type { Beat, Verdict } from "@bernard/protocol";

/** Beats kept: half an hour and more. */
export const BEATS = 200;

/** Readings kept of one guest, verdicts among them; what comes beyond is left out. */
const COLUMNS_MAX = 96;

const VERDICTS: Readonly<Record<Verdict, number>> = { healthy: 0, failing: 1, failed: 2 };

export class BeatRing {
  /** Milliseconds of the host's clock. */
  readonly #at = new Float64Array(BEATS);
  readonly #columns = new Map<string, Float32Array>();
  #count = 0;

  push(at: number, beat: Beat): void {
    const place = this.#count++ % BEATS;
    this.#at[place] = at;
    for (const column of this.#columns.values()) column[place] = Number.NaN;
    this.#set(place, "late_rounds", beat.late_rounds);
    this.#set(place, "worst_late_ms", beat.worst_late_ms);
    this.#set(place, "feeds", beat.feeds);
    for (const { name, verdict, readings } of beat.checks) {
      this.#set(place, `${name} verdict`, VERDICTS[verdict]);
      for (const [reading, value] of Object.entries(readings)) this.#set(place, `${name} ${reading}`, value);
    }
  }

  /** The oldest first; `null` where a beat did not say. `at` in milliseconds before `now`. */
  table(now: number): { readonly columns: readonly string[]; readonly rows: readonly (readonly (number | null)[])[] } {
    const kept = Math.min(this.#count, BEATS);
    const columns = [...this.#columns];
    const rows = Array.from({ length: kept }, (_, i) => {
      const place = (this.#count - kept + i) % BEATS;
      const values = columns.map(([, column]) => column[place] ?? Number.NaN);
      return [now - (this.#at[place] ?? now), ...values].map((value) => (Number.isNaN(value) ? null : value));
    });
    return { columns: ["ms_before", ...columns.map(([name]) => name)], rows };
  }

  #set(place: number, name: string, value: number): void {
    let column = this.#columns.get(name);
    if (column === undefined) {
      if (this.#columns.size >= COLUMNS_MAX) return;
      column = new Float32Array(BEATS).fill(Number.NaN);
      this.#columns.set(name, column);
    }
    column[place] = value;
  }
}
