/** What `bernard-guest --help` says, taken apart: what the manual pages and the sample configuration say of options and keys. */
import { UserError } from "@bernard/tools";

/** A key of the configuration. */
interface HelpKey {
  readonly name: string;
  /** What stands behind its `=`: the default, or how a value is written; "" for neither. */
  readonly value: string;
  /** The legal values, in words. */
  readonly legal: string;
  readonly help: string;
}

/** An option or a command, with its arguments. */
interface HelpItem {
  readonly name: string;
  readonly help: string;
}

/** The program's help. */
export interface Help {
  /** One line for each way to call it, without the program's name. */
  readonly usages: readonly string[];
  readonly options: readonly HelpItem[];
  /** What the daemon that runs can be asked. */
  readonly commands: readonly HelpItem[];
  readonly keys: readonly HelpKey[];
  /** What follows the keys: signals and exit codes. */
  readonly ending: string;
}

/**
 *     Usage: bernard-guest [--check | --help]
 *
 *       --check        validate the configuration and exit
 *
 *     Commands, for the daemon that runs:
 *
 *       unmute         end a mute
 *
 *     ... Keys:
 *
 *       interval = 1  (0.1 to 60, seconds)
 *           time from one round to the next
 *
 *     Exit codes: 0 well, 2 usage or configuration.
 */
export function parseHelp(text: string): Help {
  const [before, after] = text.split(/(?<=Keys:)\n/);
  const usage = /^Usage:((?:.+\n)+)/.exec(text)?.[1];
  if (after === undefined || usage === undefined) throw unlike("a line 'Usage: ...' and one that ends with 'Keys:'");
  const keys = [...after.matchAll(/^ {2}([a-z][a-z0-9-]*) = (.*?) {2}\((.*)\)\n((?: {6}.*\n)+)/gm)].map(
    ([, name, value, legal, help]) => ({
      name: name as string,
      value: (value as string).trim(),
      legal: legal as string,
      help: joined(help as string),
    }),
  );
  const items = [...(before as string).matchAll(/^ {2}(\S.*?) {2,}(\S.*\n(?: {6,}\S.*\n)*)/gm)].map(
    ([, name, help]) => ({ name: name as string, help: joined(help as string) }),
  );
  const options = items.filter(({ name }) => name.startsWith("-"));
  const commands = items.filter(({ name }) => !name.startsWith("-"));
  const ending = after.split(/\n\n(?=\S)/).slice(1);
  if ([keys, options, commands, ending].some(({ length }) => length === 0)) {
    throw unlike("options, commands, keys and an ending");
  }
  return {
    usages: usage.split(/^ *bernard-guest /m).flatMap((line) => (line.trim() === "" ? [] : [joined(line)])),
    options,
    commands,
    keys,
    ending: joined(ending.join("\n")),
  };
}

function joined(lines: string): string {
  return lines.trim().replace(/\s*\n\s*/g, " ");
}

function unlike(expected: string): UserError {
  return new UserError(
    `bernard-guest --help has not the expected form: ${expected}`,
    "change packages/guest/package/help.ts with it",
  );
}
