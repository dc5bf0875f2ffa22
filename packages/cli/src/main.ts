/** `bernard`: one file a command in `commands/`. Exit codes: 0 well, 1 a finding or a failure, 2 usage, 3 unreachable or refused. */
import { errorLine, UserError } from "@bernard/tools";
import { Command, CommanderError } from "commander";
import { acpiTableCommand } from "./commands/acpi-table.ts";
import { demoCommand } from "./commands/demo.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { guestsCommand } from "./commands/guests.ts";
import { watchCommand } from "./commands/watch.ts";

const program = new Command("bernard")
  .description("Self-rescue for KVM virtual machines.")
  .version("0.1.0")
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(`${usageLine(text)}\n`) });

const commands = [acpiTableCommand(), demoCommand(), doctorCommand(), guestsCommand(), watchCommand()];
for (const command of commands) program.addCommand(command.copyInheritedSettings(program));

// Whoever read us has gone (`| head`): nothing is left to say, and process.exit undoes what must be undone.
for (const stream of [process.stdout, process.stderr]) stream.on("error", () => process.exit(1));

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    console.error(`bernard: ${errorLine(error)}`);
    process.exitCode = error instanceof UserError ? error.exitCode : 1;
  }
}

/**
 * Commander's complaint as the one line that ours are:
 * `error: unknown option '--acts'\n(Did you mean --act?)` -> `bernard: unknown option '--acts' (Did you mean --act?); try --help`
 */
function usageLine(complaint: string): string {
  const line = complaint.trim().replaceAll(/\s*\n\s*/g, " ");
  return `${line.replace(/^error: /, "bernard: ").replace(/\.$/, "")}; try --help`;
}
