/** `bernard incidents`: what happened, the newest first. */
import { INCIDENTS_MAX, type KeptIncident } from "@bernard/host/client";
import { printable } from "@bernard/protocol";
import { Command } from "commander";
import { clientOf, type HostFlags, query, socketOption } from "../host-option.ts";
import { incidentRows } from "../incident-words.ts";
import { json, table } from "../print.ts";
import { timeBefore } from "../times.ts";

interface Flags extends HostFlags {
  readonly since?: number;
  readonly guest?: string;
}

export function incidentsCommand(): Command {
  return new Command("incidents")
    .description("List incidents, the newest first.")
    .option("--since <time>", "yesterday, today, 24h, 2026-11-21; open ones are always listed", (text) =>
      timeBefore(text),
    )
    .option("--guest <guest>", "of this guest only: its name or UUID")
    .addOption(socketOption())
    .option("--json", "print a JSON array")
    .action(async (flags: Flags) => {
      const { since, guest } = flags;
      const asked = query("/v1/incidents", { since, guest, limit: INCIDENTS_MAX });
      const incidents = await clientOf(flags).get<KeptIncident[]>(asked);
      if (incidents.length === INCIDENTS_MAX)
        console.error(`bernard: older ones are left out after ${INCIDENTS_MAX}; try --since or --guest`);
      if (flags.json === true) console.log(json(incidents));
      else if (incidents.length === 0) console.log("no incident");
      else for (const line of table(incidentRows(incidents))) console.log(printable(line));
    });
}
