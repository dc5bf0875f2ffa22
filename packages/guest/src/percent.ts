/** Shares and numbers as people read them. */

/** NaN where there is nothing to have a share of, such as swap in a guest without any. */
export function percent(part: number, whole: number): number {
  return whole > 0 ? (100 * part) / whole : Number.NaN;
}

/** To one decimal. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Without what is not known: JSON has no NaN. */
export function known(readings: Readonly<Record<string, number>>): Record<string, number> {
  const kept: Record<string, number> = {};
  for (const name in readings) {
    const value = readings[name] as number;
    if (Number.isFinite(value)) kept[name] = value;
  }
  return kept;
}
