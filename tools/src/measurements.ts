/** What a bench has measured, as one table: ours, a peer's, their ratio, and what we promise. */
import { table } from "./table.ts";

export interface Measurement {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  /** The peer's in the same run; undefined where it has nothing like it; Infinity for never, in the time it was given. */
  readonly peer?: number;
  /** What we promise: at most this. */
  readonly limit?: number;
  /** What we promise: at least this. */
  readonly atLeast?: number;
  /** What we promise: at most so many times the peer's. */
  readonly timesPeer?: number;
  /** Ours to the peer's, where it was measured pair by pair. */
  readonly ratio?: number;
}

const number = (value: number | undefined) => {
  if (value === undefined) return "-";
  if (value === Number.POSITIVE_INFINITY) return "never";
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
};

const ratioOf = ({ ours, peer, ratio }: Measurement) =>
  ratio ?? (peer === undefined || peer === Number.POSITIVE_INFINITY ? undefined : ours / peer);

/** The promise, and whether it is kept. */
function verdict(row: Measurement): [string, string] {
  const { ours, limit, atLeast, timesPeer } = row;
  const kept = (is: boolean) => (is ? "kept" : "MISSED");
  if (limit !== undefined) return [`<= ${limit}`, kept(ours <= limit)];
  if (atLeast !== undefined) return [`>= ${atLeast}`, kept(ours >= atLeast)];
  if (timesPeer !== undefined) return [`<= ${timesPeer} x`, kept((ratioOf(row) ?? Number.NaN) <= timesPeer)];
  return ["-", ""];
}

/** @param names of ours and of the peer, as the columns' heads; without a peer there is no column of its */
export function printMeasurements(
  [ours, peer]: readonly [ours: string, peer?: string],
  rows: readonly Measurement[],
): void {
  const beside = <T>(...cells: readonly T[]) => (peer === undefined ? [] : cells);
  const lines = table([
    ["", "unit", ours, ...beside(peer ?? "", "ratio"), "promise", ""],
    ...rows.map((row) => [
      row.what,
      row.unit,
      number(row.ours),
      ...beside(number(row.peer), number(ratioOf(row))),
      ...verdict(row),
    ]),
  ]);
  for (const line of lines) console.log(line);
}
