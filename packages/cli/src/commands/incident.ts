/** `bernard incident show N` and `bernard incident export N`: one incident, and all that is kept of it. */
import { createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import type { IncidentView } from "@bernard/host/client";
import { printable } from "@bernard/protocol";
import { UserError } from "@bernard/tools";
import { Command, InvalidArgumentError } from "commander";
import { clientOf, type HostFlags, socketOption } from "../host-option.ts";
import { json } from "../print.ts";
import { clockTime } from "../times.ts";

export function incidentCommand(): Command {
  const show = new Command("show")
    .description("Show an incident: its signs in their order, what would be done, and the evidence.")
    .argument("<number>", "the incident's number", incidentNumber)
    .addOption(socketOption())
    .option("--json", "print a JSON object")
    .action(async (id: number, flags: HostFlags) => {
      const incident = await clientOf(flags).get<IncidentView>(`/v1/incidents/${id}`);
      const lines = flags.json === true ? [json(incident)] : inWords(incident).map(printable);
      for (const line of lines) console.log(line);
    });
  const save = new Command("export")
    .description("Write all that is kept of an incident into one archive, a readable summary first.")
    .argument("<number>", "the incident's number", incidentNumber)
    .option("-o, --output <file>", "the archive (default: incident-N.tar.gz); it must not be there yet")
    .addOption(socketOption())
    .action(async (id: number, flags: HostFlags & { readonly output?: string }) => {
      const file = flags.output ?? `incident-${id}.tar.gz`;
      const archive = await clientOf(flags).stream(`/v1/incidents/${id}/archive`);
      const output = createWriteStream(file, { flags: "wx", mode: 0o600 });
      const isOurs = new Promise<boolean>((resolve) =>
        output.once("open", () => resolve(true)).once("error", () => resolve(false)),
      );
      try {
        await pipeline(archive, output);
      } catch (error) {
        if (await isOurs) await rm(file, { force: true });
        throw new UserError(`${file} cannot be written: ${error instanceof Error ? error.message : error}`);
      }
      console.log(file);
    });
  return new Command("incident").description("Show one incident, or export it.").addCommand(show).addCommand(save);
}

function incidentNumber(text: string): number {
  const id = Number(text);
  if (Number.isSafeInteger(id) && id > 0) return id;
  throw new InvalidArgumentError("Write the number that `bernard incidents` shows.");
}

function inWords({ id, uuid, name, openedAt, closedAt, outcome, signs, would, evidence }: IncidentView): string[] {
  const end = closedAt === undefined ? "open" : `${outcome}, ${clockTime(closedAt)}`;
  const happened = [
    ...signs.map(({ at, sign, detail }) => ({ at, text: `${sign}: ${detail}` })),
    ...would.map(({ at, remedy, why }) => ({ at, text: `would ${remedy}: ${why}` })),
  ].toSorted((a, b) => a.at - b.at);
  return [
    `incident ${id} of ${name}${uuid === undefined ? "" : ` (${uuid})`}`,
    `began ${clockTime(openedAt)}, ${end}`,
    ...happened.map(({ at, text }) => `  ${clockTime(at)}  ${text}`),
    ...(evidence.length === 0 ? ["no evidence is kept"] : ["evidence:"]),
    ...evidence.map(({ path, bytes }) => `  ${path}  ${bytes} bytes`),
  ];
}
