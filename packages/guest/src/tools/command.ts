/** The one shape of a command, `bernard-guest NAME WORD...`. One file each. */
import type { Settings } from "../config.ts";

export interface Command {
  readonly name: string;
  /** What stands behind its name, for people. */
  readonly form: string;
  readonly help: string;
  /** How many words may stand behind its name. */
  readonly words: { readonly least: number; readonly most: number };
  /** Whether it knows --json. */
  readonly json?: true;
  /** What is wrong with the words; undefined when nothing is. */
  problemWith?(words: readonly string[]): string | undefined;
  /** Returns the exit code. */
  run(call: Call): number;
}

interface Call {
  readonly words: readonly string[];
  readonly json: boolean;
  readonly settings: Settings;
}
