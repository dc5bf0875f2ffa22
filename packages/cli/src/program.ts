/** `bernard`: one file a command in `commands/`. Exit codes: 0 well, 1 a finding or a failure, 2 usage, 3 unreachable or refused, 4 partly done. */
import { errorLine, UserError } from "@bernard/tools";
import { Command, CommanderError } from "commander";
import { VERSION } from "./version.ts";

/** The program with those of `commands` that `words`, what a person has typed, call for: the one that is named, or all, to tell of. */
export async function makeProgram(
  commands: Readonly<Record<string, () => Promise<Command>>>,
  words: readonly string[],
): Promise<Command> {
  const program = new Command("bernard")
    .description("Self-rescue for KVM virtual machines.")
    .version(VERSION)
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(`${usageLine(text)}\n`) });
  const named = words[0] ?? "";
  const wanted = Object.hasOwn(commands, named) ? [named] : Object.keys(commands).toSorted();
  for (const name of wanted) program.addCommand(inherited(await commands[name]!(), program));
  return program;
}

/** Commands of a command, too, complain as the program does. */
function inherited(command: Command, from: Command): Command {
  for (const each of command.commands) inherited(each, from);
  return command.copyInheritedSettings(from);
}

/** Does what the process was asked for, and sets its exit code. */
export async function runProgram(commands: Readonly<Record<string, () => Promise<Command>>>): Promise<void> {
  // Whoever read us has gone (`| head`): nothing is left to say, and process.exit undoes what must be undone.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => process.exit(1));
  try {
    await (await makeProgram(commands, process.argv.slice(2))).parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else {
      console.error(`bernard: ${errorLine(error)}`);
      process.exitCode = error instanceof UserError ? error.exitCode : 1;
    }
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
