/** Shares and numbers as people read them. */

/** NaN where there is nothing to have a share of, such as swap in a guest without any. */
export function percent(part: number, whole: number): number {
  return whole > 0 ? (100 * part) / whole : Number.NaN;
}

/** To one decimal. */
export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
