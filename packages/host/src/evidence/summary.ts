/** An incident as a page that a person reads first. */
import { printable } from "@bernard/protocol";
import type { KeptIncident } from "../journal/journal.ts";

export function summary(
  host: string,
  { id, uuid, name, openedAt, closedAt, outcome, signs, would }: KeptIncident,
): string {
  const time = (at: number) => new Date(at).toISOString();
  const lines = [
    `incident  ${id}`,
    `host      ${printable(host)}`,
    `guest     ${printable(name)}${uuid === undefined ? "" : `  ${uuid}`}`,
    `began     ${time(openedAt)}`,
    closedAt === undefined ? "over      not yet" : `over      ${time(closedAt)}  ${outcome}`,
    "",
    ...signs.map(({ sign, at, detail }) => `${time(at)}  ${sign.padEnd(14)}  ${printable(detail)}`),
    ...would.map(({ at, remedy, why }) => `${time(at)}  would ${remedy}: ${why}`),
  ];
  return `${lines.join("\n")}\n`;
}
