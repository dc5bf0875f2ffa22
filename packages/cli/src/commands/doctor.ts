/** `bernard doctor [GUEST]`: is it really protected? What is not so, with the cure. */
import { type Examined, examine, isWell } from "@bernard/host";
import { type Hypervisor, isFailure, openHypervisor } from "@bernard/hypervisor";
import { printable } from "@bernard/protocol";
import { Command } from "commander";
import { connectOption } from "../connect-option.ts";
import { byName, devicesOf, json, stateOf } from "../print.ts";

interface Flags {
  readonly connect: string;
  readonly json?: true;
}

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("Tell whether a guest, or every guest, is really protected; each finding with its cure.")
    .argument("[guest]", "its name or UUID; all guests without it")
    .addOption(connectOption())
    .option("--json", "print a JSON array")
    .addHelpText("after", "\nExit code: 0 all well (there may be notes), 1 a problem or a warning, 3 unreachable.")
    .action(async (name: string | undefined, flags: Flags) => {
      process.exitCode = (await doctor(name, flags)) ? 0 : 1;
    });
}

/** Whether all are well. */
async function doctor(name: string | undefined, flags: Flags): Promise<boolean> {
  const hypervisor = await openForMost(flags.connect);
  try {
    const guests = name === undefined ? (await hypervisor.guests()).toSorted(byName) : [await hypervisor.guest(name)];
    let well = 0;
    let ill = 0;
    if (flags.json === true) process.stdout.write("[\n");
    for await (const examined of examine(hypervisor, guests)) {
      if (flags.json === true) process.stdout.write(`${well + ill > 0 ? ",\n" : ""}${json(toJson(examined))}`);
      else for (const line of inWords(examined, name !== undefined)) console.log(line);
      if (isWell(examined.findings)) well++;
      else ill++;
    }
    if (flags.json === true) process.stdout.write("\n]\n");
    else if (name === undefined) console.log(`${well} of ${well + ill} guests are well`);
    return ill === 0;
  } finally {
    hypervisor.close();
  }
}

/** A user who may only look still learns what can be seen. */
async function openForMost(uri: string): Promise<Hypervisor> {
  try {
    return await openHypervisor(uri);
  } catch (error) {
    if (!isFailure(error, "denied")) throw error;
    return await openHypervisor(uri, { readOnly: true });
  }
}

function toJson({ guest: { name, uuid }, feeder, findings }: Examined): unknown {
  return { guest: name, uuid, feeder: feeder ?? null, findings };
}

/** A well guest is one line; `all`: with what there is to note. */
function inWords({ guest, facts: { hardware }, feeder, findings }: Examined, all: boolean): string[] {
  const well = isWell(findings);
  const known = [
    well ? "well" : "NOT WELL",
    ...(well && findings.length > 0 && !all ? [`${findings.length} to note`] : []),
    stateOf(guest),
    ...(hardware instanceof Error || hardware.watchdogs.length === 0
      ? []
      : [devicesOf(hardware), `action ${hardware.action ?? "unknown"}`]),
    ...(feeder === undefined ? [] : [`feeder ${feeder}`]),
  ];
  const told = well && !all ? [] : findings;
  const lines = told.flatMap(({ severity, what, cure }) => [
    `  ${severity.padEnd(7)}  ${what}`,
    `           cure: ${cure}`,
  ]);
  return [`${guest.name}: ${known.join(", ")}`, ...lines].map(printable);
}
