/** `bernard status`: is the host watched, and what is open now? */
import type { StatusView } from "@bernard/host/client";
import { printable } from "@bernard/protocol";
import { Command } from "commander";
import { daemonTrouble } from "../daemon-trouble.ts";
import { clientOf, type HostFlags, socketOption } from "../host-option.ts";
import { incidentRows } from "../incident-words.ts";
import { json, table } from "../print.ts";
import { clockTime } from "../times.ts";

export function statusCommand(): Command {
  return new Command("status")
    .description("Tell whether this host's guests are watched, and which incidents are open.")
    .addOption(socketOption())
    .option("--json", "print a JSON object")
    .addHelpText(
      "after",
      "\nExit code: 0 all well, 1 an incident is open or the daemon is in trouble, 3 it does not run.",
    )
    .action(async (flags: HostFlags) => {
      const status = await clientOf(flags).get<StatusView>("/v1/status");
      const lines = flags.json === true ? [json(status)] : inWords(status).map(printable);
      for (const line of lines) console.log(line);
      process.exitCode = daemonTrouble(status).length === 0 && status.open.length === 0 ? 0 : 1;
    });
}

function inWords(status: StatusView): string[] {
  const { host, hypervisor, guests, running, unprotected, muted, open } = status;
  const looks = status.readOnly ? ", looking only" : "";
  return [
    `${host}: ${hypervisor}${looks}, since ${clockTime(status.startedAt)}`,
    `guests: ${guests}, on: ${running}, of these without a watchdog device: ${unprotected}`,
    ...daemonTrouble(status),
    ...(muted.length === 0 ? [] : [`muted: ${muted.join(", ")}`]),
    ...(open.length === 0 ? ["no incident is open"] : table(incidentRows(open))),
  ];
}
