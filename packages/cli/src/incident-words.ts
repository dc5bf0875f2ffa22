/** Incidents in tables. */
import type { KeptIncident } from "@bernard/host/client";
import { clockTime } from "./times.ts";

export function incidentRows(incidents: readonly KeptIncident[]): string[][] {
  const rows = incidents.map(({ id, name, openedAt, signs, outcome }) => [
    String(id),
    clockTime(openedAt),
    name,
    signs.map(({ sign }) => sign).join(", "),
    outcome ?? "open",
    signs.at(-1)?.detail ?? "",
  ]);
  return [["INCIDENT", "BEGAN", "GUEST", "SIGNS", "OUTCOME", "LAST"], ...rows];
}
