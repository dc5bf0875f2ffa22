/** From a configuration file to the checks that it asks for; what is wrong with it is told in one line each. */
import { decode, encode } from "./bytes.ts";
import type { Check, Context, Use } from "./check.ts";
import { checkKinds } from "./checks/index.ts";
import { parseConfig, type Settings } from "./config.ts";
import * as abi from "./linux/abi.ts";
import * as system from "./linux/system.ts";
import type { Platform } from "./platform.ts";
import { keys } from "./settings.ts";

export const DEFAULT_FILE = "/etc/bernard-guest.conf";

/** Exit codes of the daemon and its tools. */
export const EXIT = { well: 0, finding: 1, usage: 2, refused: 3 } as const;

export function complain(line: string): void {
  system.write(2, encode(`bernard-guest: ${line}\n`));
}

export function print(line: string): void {
  system.write(1, encode(`${line}\n`));
}

/** Bytes of a configuration file: far more than one needs, and an end for whatever is named by mistake. */
const MAX_FILE = 64 * 1024;

/** Problems that are told one by one; the rest is counted. */
const MAX_PROBLEMS = 20;

/** The settings of `file`, or an end with the reasons on standard error. */
export function loadSettings(file: string): Settings {
  const text = readText(file);
  if (typeof text === "number") {
    complain(`${file}: ${explainRead(-text)}; name another with --config FILE`);
    return system.exit(EXIT.usage);
  }
  const settings = parseConfig(text, file, keys);
  if (!("problems" in settings)) return checkTogether(settings, file);
  for (const problem of settings.problems.slice(0, MAX_PROBLEMS)) complain(problem);
  const more = settings.problems.length - MAX_PROBLEMS;
  if (more > 0) complain(`${file}: ${more} more problems`);
  return system.exit(EXIT.usage);
}

/** The whole file, or a negative errno: EFBIG where it is too long. */
function readText(file: string): string | number {
  const bytes: number[] = [];
  const result = system.readChunks(file, (chunk) => {
    for (const byte of chunk) bytes.push(byte);
    return bytes.length <= MAX_FILE;
  });
  if (result < 0) return result;
  return bytes.length > MAX_FILE ? -abi.EFBIG : decode(new Uint8Array(bytes));
}

function explainRead(errno: number): string {
  switch (errno) {
    case abi.ENOENT:
      return "no such file";
    case abi.EFBIG:
      return `longer than ${MAX_FILE / 1024} KiB, so it is no configuration`;
    default:
      return `cannot be read (errno ${errno})`;
  }
}

/** Whether one late feed is survived. */
export function isFedInTime(interval: number, timeout: number): boolean {
  return interval * 2 <= timeout;
}

/** Values that are legal each but not together. */
function checkTogether(settings: Settings, file: string): Settings {
  const timeout = settings.number("watchdog-timeout");
  const interval = settings.number("interval");
  if (isFedInTime(interval, timeout)) return settings;
  complain(
    `${file}: interval ${interval} s is over half of watchdog-timeout ${timeout} s: one late feed would fire; lower it`,
  );
  return system.exit(EXIT.usage);
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
