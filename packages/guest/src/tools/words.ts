/** Times, numbers and other people's text, as they are printed for people. */
import { wholeNumber } from "../text.ts";

/** `30s`, `10m`, `2h` in seconds; NaN for anything else. */
export function parseDuration(text: string): number {
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };
  return wholeNumber(text.slice(0, -1)) * (units[text.slice(-1)] ?? Number.NaN);
}

/** 0.4 is `0.4 s`, 570 `9 min 30 s`, 90000 `1 d 1 h`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  const [size, name, smallSize, smallName] =
    whole < 3600 ? [60, "min", 1, "s"] : whole < 86_400 ? [3600, "h", 60, "min"] : [86_400, "d", 3600, "h"];
  const small = Math.floor((whole % size) / smallSize);
  return `${Math.floor(whole / size)} ${name}${small === 0 ? "" : ` ${small} ${smallName}`}`;
}

/** Seconds since 1970 as `2026-11-22 14:05:09 UTC`; the engine has no Date. */
export function moment(at: number): string {
  const days = Math.floor(at / 86_400);
  const second = Math.floor(at) - days * 86_400;
  // Years that begin in March, in eras of 400: the day that comes and goes is the last of its year.
  const era = Math.floor((days + 719_468) / 146_097);
  const day = days + 719_468 - era * 146_097;
  const year = Math.floor((day - Math.floor(day / 1460) + Math.floor(day / 36_524) - Math.floor(day / 146_096)) / 365);
  const dayOfYear = day - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  const date = dayOfYear - Math.floor((153 * month + 2) / 5) + 1;
  const fullYear = era * 400 + year + (month >= 10 ? 1 : 0);
  const two = (value: number) => String(value).padStart(2, "0");
  const time = [second / 3600, (second % 3600) / 60, second % 60].map((value) => two(Math.floor(value)));
  return `${fullYear}-${two(month < 10 ? month + 3 : month - 9)}-${two(date)} ${time.join(":")} UTC`;
}

/** Text that may come from anywhere, safe for a terminal. */
export function printable(text: string): string {
  let safe = "";
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    safe += code < 0x20 || (code >= 0x7f && code < 0xa0) ? "?" : character;
  }
  return safe;
}

/** Rows with their columns aligned; the last column is as long as it is. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const wide = (column: number) => Math.max(...rows.map((row) => (row[column] ?? "").length));
  return rows.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(wide(column)))).join("  "),
  );
}
