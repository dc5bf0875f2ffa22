/** `bernard acpi-table`: the ACPI table with which a stock guest drives the watchdog that its machine type has built in. */
import { readFile, writeFile } from "node:fs/promises";
import { printable } from "@bernard/protocol";
import { errorLine, UserError } from "@bernard/tools";
import { q35Wdat, readWdat, WdatError, writeWdat } from "@bernard/watchdog";
import { Command } from "commander";

interface Flags {
  readonly machine?: string;
  readonly output?: string;
  readonly check?: string;
}

export function acpiTableCommand(): Command {
  return new Command("acpi-table")
    .description("Write the ACPI table (WDAT) that tells a guest on q35 of the watchdog it has.")
    .option("--machine <type>", "the guest's machine type, as QEMU or libvirt name it: q35, pc-q35-7.2...")
    .option("-o, --output <file>", "where to write it, instead of standard output")
    .option("--check <file>", "read a table instead, and say what it offers or why no guest could use it")
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
      throw new UserError(`cannot write the table: ${errorLine(error)}`);
    });
  } else if (process.stdout.isTTY) {
    throw new UserError("a table is not for a terminal", "add -o FILE, or redirect standard output", 2);
  } else process.stdout.write(table);
}

function refuseOtherMachines(machine: string): void {
  if (/^(pc-)?q35(-|$)/.test(machine)) return;
  throw new UserError(
    `machine ${printable(machine)} has no TCO timer for a table to describe; only q35 has`,
    "give such a guest an i6300esb",
    3,
  );
}

async function check(file: string): Promise<void> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new UserError(`cannot read the table: ${errorLine(error)}`);
  });
  try {
    const { periodMs, minCount, maxCount, entries } = readWdat(bytes);
    const times = [periodMs * minCount, periodMs * maxCount].map((ms) => ms / 1000);
    console.log(
      `${printable(file)}: WDAT of ${entries.length} entries, for ${times.join(" to ")} s in steps of ${periodMs / 1000} s`,
    );
  } catch (error) {
    if (!(error instanceof WdatError)) throw error;
    throw new UserError(
      `${printable(file)}: ${error.message}`,
      "write another: bernard acpi-table --machine q35 -o FILE",
    );
  }
}
