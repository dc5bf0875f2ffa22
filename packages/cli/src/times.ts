/** Times as people write them on a command line. */
import { InvalidArgumentError } from "commander";

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** `90s`, `10m`, `2h`, `1d` -> seconds */
export function seconds(text: string): number {
  const [, number, unit = ""] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const value = Number(number) * (UNITS[unit] ?? Number.NaN);
  if (value > 0) return value;
  throw new InvalidArgumentError("Write 90s, 10m, 2h or 1d.");
}

/** `yesterday`, `today`, `24h`, `2026-11-21`, `2026-11-21T03:00` (local time) -> milliseconds since 1970 */
export function timeBefore(text: string, now = new Date()): number {
  const midnight = (daysAgo: number) => new Date(now.getFullYear(), now.getMonth(), now.getDate() - daysAgo).getTime();
  if (text === "today") return midnight(0);
  if (text === "yesterday") return midnight(1);
  if (/^\d+[smhd]$/.test(text)) return now.getTime() - seconds(text) * 1000;
  const time = /^\d{4}-\d\d-\d\d$/.test(text) ? Date.parse(`${text}T00:00`) : Date.parse(text);
  if (Number.isFinite(time) && time <= now.getTime() && /^\d{4}-/.test(text)) return time;
  throw new InvalidArgumentError("Write yesterday, today, 24h, 2026-11-21 or 2026-11-21T03:00, not later than now.");
}

/** `2026-11-22 03:14:05`, local time */
export function clockTime(at: number): string {
  const time = new Date(at);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  return `${day} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":")}`;
}
