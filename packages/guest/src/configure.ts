/** From a configuration file to the checks that it asks for; what is wrong with it is told in one line each. */
import { decode, encode } from "./bytes.ts";
import type { Check, Context, Use } from "./check.ts";
import { checkKinds } from "./checks/index.ts";
import { type Found, MAX_SIZE, parseConfig, type Settings } from "./config.ts";
import * as abi from "./linux/abi.ts";
import * as system from "./linux/system.ts";
import type { Platform } from "./platform.ts";
import { keys } from "./settings.ts";

export const DEFAULT_FILE = "/etc/bernard-guest.conf";

/** Exit codes of the daemon and its tools. */
export const EXIT = { well: 0, finding: 1, usage: 2, refused: 3 } as const;

/** Milliseconds for a reader of standard error that lags behind. */
const READER_PATIENCE = 100;

/** Dropped rather than waited for where nobody reads: at a reload the device ticks. */
export function complain(line: string): void {
  if (system.poll([{ fd: 2, events: abi.POLLOUT }], READER_PATIENCE).length === 0) return;
  system.write(2, encode(`bernard-guest: ${line}\n`));
}

export function print(line: string): void {
  system.write(1, encode(`${line}\n`));
}

/** The settings of `file`, or an end with the reasons on standard error. */
export function loadSettings(file: string): Settings {
  const found = find(file);
  const why = "problem" in found ? found.problem : "names" in found ? "a folder" : undefined;
  if (why !== undefined) return refuse([`${file}: ${why}; name another with --config FILE`]);
  const settings = parseConfig((found as { text: string }).text, file, keys, find);
  if ("problems" in settings) return refuse(settings.problems);
  const conflict = findConflict(settings);
  if (conflict !== undefined) return refuse([`${file}: ${conflict}`]);
  return settings;
}

function refuse(problems: readonly string[]): never {
  for (const problem of problems) complain(problem);
  return system.exit(EXIT.usage);
}

/** A whole file, or the names in a folder. */
function find(path: string): Found {
  const bytes: number[] = [];
  const result = system.readChunks(path, (chunk) => {
    for (const byte of chunk) bytes.push(byte);
    return bytes.length <= MAX_SIZE;
  });
  if (result === -abi.EISDIR) {
    const names: string[] = [];
    system.eachName(path, (name) => names.push(name));
    return { names };
  }
  if (bytes.length > MAX_SIZE) {
    return { problem: `longer than ${MAX_SIZE / 1024} KiB, so it is no configuration`, missing: false };
  }
  if (result === 0) return { text: decode(new Uint8Array(bytes)) };
  const missing = result === -abi.ENOENT;
  return { problem: missing ? "no such file" : `cannot be read (errno ${-result})`, missing };
}

/** Whether one late feed is survived. */
export function isFedInTime(interval: number, timeout: number): boolean {
  return interval * 2 <= timeout;
}

/** What is wrong with values that are legal each but not together. */
function findConflict(settings: Settings): string | undefined {
  const timeout = settings.number("watchdog-timeout");
  const interval = settings.number("interval");
  if (isFedInTime(interval, timeout)) return undefined;
  return `interval ${interval} s is over half of watchdog-timeout ${timeout} s: one late feed would fire; lower it`;
}

export function createChecks(settings: Settings, platform: Platform, use: Use): Check[] {
  const context: Context = { settings, platform, use, signs: { disk: 0 } };
  return checkKinds.flatMap((kind) => kind.create(context));
}

/** A path setting, undefined where the file says `none`. */
export function pathOrNone(settings: Settings, name: string): string | undefined {
  const path = settings.path(name);
  return path === "none" ? undefined : path;
}
