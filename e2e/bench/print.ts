/** Prints what was measured as one table: ours, the peer's, their ratio, and what we promise. */

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
  const table = [
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
  ];
  const widths = (table[0] as string[]).map((_, column) =>
    Math.max(...table.map((row) => (row[column] as string).length)),
  );
  for (const row of table)
    console.log(
      row
        .map((cell, column) => cell.padEnd(widths[column] as number))
        .join("  ")
        .trimEnd(),
    );
}
