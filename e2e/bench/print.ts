/** Prints tables; what was measured in one: ours, the peer's, their ratio, and what we promise. */

export interface Row {
  readonly what: string;
  readonly unit: string;
  readonly ours: number;
  /** Debian's watchdog 5.16 in the same run; undefined where it has nothing like it; Infinity for never, in the time it was given. */
  readonly peer?: number;
  /** What we promise: at most this. */
  readonly limit?: number;
}

const number = (value: number | undefined) => {
  if (value === undefined) return "-";
  if (value === Number.POSITIVE_INFINITY) return "never";
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
};

export function print(rows: readonly Row[]): void {
  printTable([
    ["", "unit", "bernard-guest", "watchdog 5.16", "ratio", "promise", ""],
    ...rows.map(({ what, unit, ours, peer, limit }) => [
      what,
      unit,
      number(ours),
      number(peer),
      peer === undefined || peer === Number.POSITIVE_INFINITY ? "-" : number(ours / peer),
      limit === undefined ? "-" : `<= ${limit}`,
      limit === undefined ? "" : ours <= limit ? "kept" : "MISSED",
    ]),
  ]);
}

/** Its columns aligned. */
export function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] as string[]).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] as string).length)),
  );
  for (const row of rows)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] as number))
        .join("  ")
        .trimEnd(),
    );
}
