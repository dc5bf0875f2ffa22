/** The daemon's log: a line for people, with its syslog priority where journald reads it. */
import { printable } from "@bernard/protocol";
import { UserError } from "@bernard/tools";
import { type Logger, pino } from "pino";

const LEVELS = ["debug", "info", "warn", "error"];

/** Pino's levels as syslog's (sd-daemon(3)). */
const PRIORITIES: Readonly<Record<number, number>> = { 20: 7, 30: 6, 40: 4, 50: 3, 60: 2 };

/** What pino adds to each line and nobody needs here. */
const OWN = new Set(["level", "time", "pid", "hostname", "msg"]);

export function hostLog(): Logger {
  const isJournal = process.env.JOURNAL_STREAM !== undefined;
  const level = process.env.BERNARD_LOG ?? "info";
  if (!LEVELS.includes(level)) throw new UserError(`BERNARD_LOG is ${level}`, `one of ${LEVELS.join(", ")}`, 2);
  return pino({ level }, { write: (line) => console.error(asLine(line, isJournal)) });
}

/** `{"level":40,"incident":7,"guest":"web-1","msg":"..."}` -> `<4>web-1: ... incident=7` */
function asLine(line: string, isJournal: boolean): string {
  const entry = JSON.parse(line) as Readonly<Record<string, unknown>>;
  const { guest, ...rest } = entry;
  const fields = Object.entries(rest).filter(([name]) => !OWN.has(name));
  const told = fields.map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  const text = [...(guest === undefined ? [] : [`${guest}:`]), String(entry.msg ?? ""), ...told].join(" ");
  return `${isJournal ? `<${PRIORITIES[Number(entry.level)] ?? 6}>` : ""}${printable(text)}`;
}
