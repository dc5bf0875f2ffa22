/** `bernard acpi-table`: the ACPI table with which a stock guest drives the watchdog that its machine type has built in. */
import { createReadStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { buffer } from "node:stream/consumers";
import { isQ35 } from "@bernard/policy";
import { printable } from "@bernard/protocol";
import { errorLine, UserError } from "@bernard/tools";
import { q35Wdat, readWdat, WdatError, wdatObstacle, writeWdat } from "@bernard/watchdog";
import { Command, Option } from "commander";

interface Flags {
  readonly machine?: string;
  readonly output?: string;
  readonly check?: string;
}

/** Enough bytes to tell a table from one that is too long, of a file that may have no end. */
const READ_SIZE = 0x1_0000;

export function acpiTableCommand(): Command {
  return new Command("acpi-table")
    .description("Write the ACPI table (WDAT) by which a stock guest on q35 drives the watchdog that it has.")
    .option("--machine <type>", "the guest's machine type, as QEMU and libvirt name it: q35, pc-q35-7.2...")
    .option("-o, --output <file>", "where to write it, instead of standard output")
    .addOption(
      new Option("--check <file>", "read a table: say what it offers, or why no guest could use it").conflicts([
        "machine",
        "output",
      ]),
    )
    .addHelpText("after", "\nQEMU takes it by: -acpitable file=FILE -global ICH9-LPC.noreboot=off")
    .action(async (flags: Flags) => {
      if (flags.check !== undefined) await check(flags.check);
      else await write(flags);
    });
}

async function write({ machine, output }: Flags): Promise<void> {
  if (machine === undefined) throw new UserError("no machine type is named", "add --machine q35", 2);
  refuseOtherMachines(machine);
  const table = writeWdat(q35Wdat);
  if (output !== undefined) {
    await writeFile(output, table).catch((error: unknown) => {
      throw new UserError(`cannot write the table: ${printable(errorLine(error))}`);
    });
  } else if (process.stdout.isTTY) {
    throw new UserError("a table is not for a terminal", "add -o FILE, or redirect standard output", 2);
  } else process.stdout.write(table);
}

function refuseOtherMachines(machine: string): void {
  if (isQ35(machine)) return;
  throw new UserError(
    `a machine of type ${printable(machine)} has no timer that the table could describe, only q35 has`,
    "give such a guest an i6300esb",
    3,
  );
}

async function check(file: string): Promise<void> {
  const bytes = await buffer(createReadStream(file, { end: READ_SIZE - 1 })).catch((error: unknown) => {
    throw new UserError(`cannot read the table: ${printable(errorLine(error))}`);
  });
  try {
    const wdat = readWdat(bytes);
    const obstacle = wdatObstacle(wdat);
    if (obstacle !== undefined) throw new WdatError(obstacle);
    const { periodMs, minCount, maxCount, entries } = wdat;
    const seconds = (count: number) => (periodMs * count) / 1000;
    const times = `${seconds(minCount)} to ${seconds(maxCount)} s in steps of ${seconds(1)} s`;
    console.log(`${printable(file)}: a WDAT of ${entries.length} entries, for timeouts of ${times}`);
  } catch (error) {
    if (!(error instanceof WdatError)) throw error;
    const hint = "have one written by: bernard acpi-table --machine q35 -o FILE";
    throw new UserError(`${printable(file)}: ${printable(error.message)}`, hint);
  }
}
