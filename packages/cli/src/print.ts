/** What commands print: tables, JSON that is safe on a terminal, words that several of them use. */
import type { Guest, Hardware } from "@bernard/hypervisor";

export { table } from "@bernard/tools";

/** One line of JSON in which nothing moves a terminal's cursor: what `printable` would replace is escaped as JSON does. */
export function json(value: unknown): string {
  return JSON.stringify(value).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`,
    ).join(""),
  );
}

/** `paused (watchdog)` */
export const stateOf = ({ state, reason }: Pick<Guest, "state" | "reason">): string =>
  reason === "unknown" ? state : `${state} (${reason})`;

/** `i6300esb`, `itco (implicit), i6300esb`, `-`. */
export const devicesOf = ({ watchdogs }: Hardware): string =>
  watchdogs.map(({ model, origin }) => (origin === "declared" ? model : `${model} (${origin})`)).join(", ") || "-";

/** For people and scripts alike: the same order each time, whatever the hypervisor's is. */
export const byName = (one: Pick<Guest, "name">, other: Pick<Guest, "name">): number =>
  one.name < other.name ? -1 : one.name > other.name ? 1 : 0;
