/** `bernard report`: the page of each morning. */
import type { ReportView } from "@bernard/host/client";
import { printable } from "@bernard/protocol";
import { Command, Option } from "commander";
import { daemonTrouble } from "../daemon-trouble.ts";
import { clientOf, type HostFlags, query, socketOption } from "../host-option.ts";
import { incidentRows } from "../incident-words.ts";
import { json, table } from "../print.ts";
import { clockTime, timeBefore } from "../times.ts";

interface Flags extends HostFlags {
  readonly since: number;
}

export function reportCommand(): Command {
  return new Command("report")
    .description("Tell which guests fired, hung, looped, are paused or unprotected.")
    .addOption(
      new Option("--since <time>", "yesterday, today, 24h, 2026-11-21")
        .argParser((text) => timeBefore(text))
        .default(timeBefore("yesterday"), "yesterday"),
    )
    .addOption(socketOption())
    .option("--json", "print a JSON object")
    .addHelpText(
      "after",
      "\nExit code: 0 nothing to tell, 1 something is, or the daemon is in trouble, 3 the daemon does not run.",
    )
    .action(async (flags: Flags) => {
      const report = await clientOf(flags).get<ReportView>(query("/v1/report", { since: flags.since }));
      const sections = sectionsOf(report);
      if (flags.json === true) console.log(json(report));
      else for (const line of inWords(report, sections)) console.log(printable(line));
      process.exitCode = isQuiet(report, sections) && daemonTrouble(report).length === 0 ? 0 : 1;
    });
}

type Section = readonly [title: string, guests: readonly string[]];

function sectionsOf(report: ReportView): Section[] {
  const counted = (guests: ReportView["fired"]) =>
    guests.map(({ name, times, incident }) => `${name}${times > 1 ? ` (${times} times)` : ""}, incident ${incident}`);
  return [
    ["fired", counted(report.fired)],
    ["told of trouble themselves", counted(report.announced)],
    ["hung", counted(report.hung)],
    ["ended again and again", counted(report.looping)],
    ["lost their emulator", counted(report.crashed)],
    ["are paused, and nobody came", report.paused],
    ["run without a watchdog device", report.unprotected],
  ];
}

function inWords(report: ReportView, sections: readonly Section[]): string[] {
  const period = `${report.host}, ${clockTime(report.since)} to ${clockTime(report.until)}`;
  const lines = [period, ...daemonTrouble(report)];
  for (const [title, guests] of sections) {
    if (guests.length === 0) continue;
    lines.push("", `${guests.length} ${title}`, ...guests.map((guest) => `  ${guest}`));
  }
  if (report.ofHost.length > 0) lines.push("", "of the host itself", ...table(incidentRows(report.ofHost)));
  if (isQuiet(report, sections))
    lines.push("nothing to tell: no guest fired, hung or looped, all that run have a watchdog device");
  return lines;
}

const isQuiet = ({ ofHost }: ReportView, sections: readonly Section[]): boolean =>
  ofHost.length === 0 && sections.every(([, guests]) => guests.length === 0);
