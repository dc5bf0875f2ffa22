/** `bernard`: one file a command in `commands/`. Exit codes: 0 well, 1 a finding or a failure, 2 usage, 3 unreachable or refused. */
import { errorLine, UserError } from "@bernard/tools";
import { Command, CommanderError } from "commander";
import { demoCommand } from "./commands/demo.ts";

const program = new Command("bernard")
  .description("Self-rescue for KVM virtual machines.")
  .version("0.1.0")
  .exitOverride()
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "bernard: ")) })
  .addCommand(demoCommand());

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    console.error(`bernard: ${errorLine(error)}`);
    process.exitCode = error instanceof UserError ? error.exitCode : 1;
  }
}
