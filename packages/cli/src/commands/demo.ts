/** `bernard demo`: a real guest goes bad in three ways and comes back each time, and is left alone when it only seems to. */
import { Command, InvalidArgumentError, Option } from "commander";
import { actNames, type WatchdogModel } from "../demo/acts.ts";
import { runDemo } from "../demo/run.ts";

/** Longest timeout that both models take, in seconds (ib700wdt's limit). */
const MAX_TIMEOUT_S = 30;

interface Flags {
  readonly act?: string;
  readonly twin: boolean;
  readonly keep?: true;
  readonly model: WatchdogModel;
  readonly timeout: number;
  readonly json?: true;
}

export function demoCommand(): Command {
  return new Command("demo")
    .description(
      "Show a real guest in QEMU lose its disk, lose its memory and hang, and come back each time by itself.",
    )
    .addOption(new Option("--act <name>", "play this act only").choices(actNames))
    .option("--no-twin", "leave out the twin guest that Debian's watchdog 5.16 feeds")
    .option("--keep", "leave the guest running afterwards and say how to look at it")
    .addOption(new Option("--model <model>", "watchdog device").choices(["i6300esb", "ib700"]).default("i6300esb"))
    .option("--timeout <seconds>", "timeout of the watchdog device", parseTimeout, 10)
    .option("--json", "print one JSON object on standard output, progress on standard error")
    .action(async (flags: Flags) => {
      process.exitCode = (await runDemo({ ...flags, keep: flags.keep ?? false, json: flags.json ?? false })) ? 0 : 1;
    });
}

function parseTimeout(text: string): number {
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 4 && seconds <= MAX_TIMEOUT_S) return seconds;
  throw new InvalidArgumentError(`Write whole seconds from 4 to ${MAX_TIMEOUT_S}.`);
}
