/** The daemon's tools: `--help`, `--version`, `--check`, `--once`, and the commands of tools/. */

import { known } from "./check.ts";
import type { Key, Settings } from "./config.ts";
import { complain, createChecks, DEFAULT_FILE, EXIT, loadSettings, print } from "./configure.ts";
import { crashKernelNotice } from "./crash-kernel.ts";
import { LinuxPlatform } from "./linux/platform.ts";
import * as system from "./linux/system.ts";
import { keys } from "./settings.ts";
import type { Command } from "./tools/command.ts";
import { commands } from "./tools/index.ts";
import { table } from "./tools/words.ts";
import { VERSION } from "./version.ts";

/** A probe that has not answered by then (ms) is reported as hanging. */
const ONCE_PATIENCE = 5500;

/** As long (ms) a machine may take to answer an echo request. */
const REPLY_PATIENCE = 1000;

main();

function main(): never {
  let file = DEFAULT_FILE;
  let tool: string | undefined;
  let json = false;
  const words: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] as string;
    if (arg === "--config") {
      const next = args[++i];
      if (next === undefined) return usage("--config needs a file");
      file = next;
    } else if (!arg.startsWith("-")) words.push(arg);
    else if (arg === "--json") json = true;
    else if (tool === undefined && ["--help", "--version", "--check", "--once"].includes(arg)) tool = arg;
    else return usage(`unknown or second option '${arg}'`);
  }
  const [name, ...rest] = words;
  if (tool !== undefined && (name !== undefined || json)) return usage(`${tool} stands alone`);
  switch (tool) {
    case "--help":
      return help();
    case "--version":
      print(`bernard-guest ${VERSION}`);
      return system.exit(EXIT.well);
    case "--check":
      check(file);
      return system.exit(EXIT.well);
    case "--once":
      return once(file);
    default:
      if (name === undefined) return usage(json ? "--json needs a command" : "--config is given twice");
      return runCommand(name, rest, json, file);
  }
}

function check(file: string): void {
  const settings = loadSettings(file);
  checkPrograms(settings);
  for (const notice of settings.notices) complain(notice);
  const timeout = settings.number("watchdog-timeout");
  const notice = crashKernelNotice({ readFile: readSmallFile }, timeout, settings);
  if (notice !== undefined) complain(`warning: ${notice}`);
  print(`${file}: valid`);
}

function readSmallFile(path: string): Uint8Array | undefined {
  const bytes = system.readWhole(path);
  return typeof bytes === "number" ? undefined : bytes;
}

/** A program that is missing at run time is an alarm only; whoever writes its name wants to know at once. */
function checkPrograms({ programs }: Settings): void {
  const missing = programs.filter(({ path }) => !system.isProgram(path));
  for (const { origin, path } of missing)
    complain(`${origin}: '${path}' is no program; install it, or make it executable`);
  if (missing.length > 0) system.exit(EXIT.usage);
}

function usage(problem: string): never {
  complain(`${problem}; see bernard-guest --help`);
  return system.exit(EXIT.usage);
}

function runCommand(name: string, words: readonly string[], json: boolean, file: string): never {
  const command = commands.find((candidate) => candidate.name === name);
  if (command === undefined) return usage(`unknown command '${name}'`);
  const { least, most } = command.words;
  if (words.length < least || words.length > most) return usage(`write 'bernard-guest ${callOf(command)}'`);
  if (json && !command.json) return usage(`${name} knows no --json`);
  const problem = command.problemWith?.(words);
  if (problem !== undefined) return usage(problem);
  return system.exit(command.run({ words, json, settings: loadSettings(file) }));
}

function callOf({ name, form }: Command): string {
  return form === "" ? name : `${name} ${form}`;
}

/** Runs every check once, as far as one look can tell, and prints what each saw. The device is not opened, nothing is fed. */
function once(file: string): never {
  const settings = loadSettings(file);
  const platform = new LinuxPlatform({ channel: undefined, stateDirectory: undefined, runtimeDirectory: undefined });
  const checks = createChecks(settings, platform, "once");
  for (const check of checks) check.read(now());
  platform.settle(now() + ONCE_PATIENCE);
  platform.awaitReplies(now() + REPLY_PATIENCE);
  let findings = 0;
  const rows = checks.map((check) => {
    const { reason, readings } = check.read(now());
    if (reason !== "") findings += 1;
    const numbers = Object.entries(known(readings)).map(([name, value]) => `${name}=${value}`);
    return [
      check.name,
      reason === "" ? "healthy" : "failing",
      reason === "" ? numbers.join(" ") : `${reason} (${numbers.join(" ")})`,
    ];
  });
  for (const line of table(rows)) print(line);
  return system.exit(findings === 0 ? EXIT.well : EXIT.finding);
}

function help(): never {
  const calls = commands.map((command) => [`  ${callOf(command)}${command.json ? " [--json]" : ""}`, command.help]);
  print(`Usage: bernard-guest [--config FILE] [COMMAND | --check | --once | --help | --version]

Feeds this guest's watchdog device only while the guest is healthy. When a check
has failed for its hold time, feeding ends and the device fires within seconds.

  --config FILE  configuration; default ${DEFAULT_FILE}
  --check        validate the configuration and exit
  --once         run every check once, print a table, feed nothing
  --help         this text
  --version      the version

Commands, for the daemon that runs:

${table(calls).join("\n")}

The file has lines 'key = value'; '#' starts a comment line. 'include = FILE' or
'include = DIRECTORY/' reads another file, or each *.conf in a directory. Keys:
`);
  for (const key of keys) print(`  ${key.name} = ${describe(key)}\n      ${key.help}`);
  print(`
SIGTERM and SIGINT stop the daemon and the device, SIGHUP has it read its file anew,
SIGUSR1 leaves the device ticking for a shutdown; any other end of the daemon lets
the device fire.
Exit codes: 0 well, 1 a finding (--once, status, check, last), 2 usage or configuration,
3 the device is missing, busy or refuses, or no daemon answers, 70 a defect.`);
  return system.exit(EXIT.well);
}

function describe(key: Key): string {
  switch (key.type) {
    case "number":
      return `${key.fallback}  (${key.min} to ${key.max}, ${key.unit})`;
    case "switch":
      return `${key.fallback ? "yes" : "no"}  (yes or no)`;
    case "path":
      return `${key.fallback}  (${pathOr(key.word)})`;
    case "attribute":
      return `  (${key.min} to ${key.max}, ${key.unit}; belongs to the ${key.of} above it)`;
    case "retired":
      return "  (without effect)";
    case "choice":
      return `${key.fallback}  (${key.options.join(", ")})`;
    case "texts":
      return `${key.form}  (may be repeated)`;
    default:
      return `${key.fallback.join(" ")}  (${pathOr(key.word)}; may be repeated)`;
  }
}

function pathOr(word: string | undefined): string {
  return `absolute path, ${word === undefined ? "" : `${word} `}or none`;
}
