/** What `bernard --help` says, taken from commander itself: for the manual page and the shell's completion. */
import type { Command } from "commander";
import { commands } from "../src/commands/index.ts";
import { makeProgram } from "../src/program.ts";

interface Item {
  readonly name: string;
  readonly help: string;
}

/** A command, and the commands in it. */
export interface CommandHelp {
  readonly name: string;
  readonly help: string;
  /** With the names of the commands around it, and its arguments. */
  readonly usage: string;
  readonly arguments: readonly Item[];
  readonly options: readonly (Item & {
    /** As it is typed, its short form too. */
    readonly flags: readonly string[];
    /** Its values, where they are few. */
    readonly choices: readonly string[];
    /** Whether a value follows it. */
    readonly takesValue: boolean;
  })[];
  /** What stands below the options. */
  readonly ending: string;
  readonly commands: readonly CommandHelp[];
}

/** What an installed `bernard` has. */
export async function commandTree(): Promise<readonly CommandHelp[]> {
  const program = await makeProgram(commands, []);
  return program.commands.map((command) => describe(command, ""));
}

function describe(command: Command, above: string): CommandHelp {
  const help = command.createHelp();
  const name = `${above}${command.name()}`;
  return {
    name: command.name(),
    help: command.description(),
    usage: `${name} ${command.usage()}`.trim(),
    arguments: help
      .visibleArguments(command)
      .map((argument) => ({ name: argument.name(), help: help.argumentDescription(argument) })),
    options: help
      .visibleOptions(command)
      .filter(({ long }) => long !== "--help")
      .map((option) => ({
        name: option.flags,
        help: help.optionDescription(option),
        flags: [option.short, option.long].filter((flag) => flag !== undefined),
        choices: option.argChoices ?? [],
        takesValue: option.required || option.optional,
      })),
    ending: endingOf(command),
    commands: command.commands.filter((inner) => inner.name() !== "help").map((inner) => describe(inner, `${name} `)),
  };
}

/** `addHelpText` only speaks when help is asked for: what is printed behind commander's own text. */
function endingOf(command: Command): string {
  let printed = "";
  command.configureOutput({
    writeOut: (text) => {
      printed += text;
    },
  });
  const own = command.createHelp().formatHelp(command, command.createHelp());
  command.outputHelp();
  return printed.slice(printed.indexOf(own) + own.length).trim();
}
