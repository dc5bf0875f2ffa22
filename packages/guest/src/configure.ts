/** From a configuration file to the checks that it asks for; what is wrong with it is told in one line each. */
import { decode, encode } from "./bytes.ts";
import type { Check, Use } from "./check.ts";
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

/** The settings of `file`, or an end with the reasons on standard error. */
export function loadSettings(file: string): Settings {
  const bytes = system.readWhole(file);
  if (typeof bytes === "number") {
    const why = bytes === -abi.ENOENT ? "no such file" : `cannot be read (errno ${-bytes})`;
    complain(`${file}: ${why}; name another with --config FILE`);
    return system.exit(EXIT.usage);
  }
  const settings = parseConfig(decode(bytes), file, keys);
  if (!("problems" in settings)) return checkTogether(settings, file);
  for (const problem of settings.problems) complain(problem);
  return system.exit(EXIT.usage);
}

/** Values that are legal each but not together. */
function checkTogether(settings: Settings, file: string): Settings {
  const timeout = settings.number("watchdog-timeout");
  const interval = settings.number("interval");
  if (interval * 2 <= timeout) return settings;
  complain(
    `${file}: interval ${interval} s is over half of watchdog-timeout ${timeout} s: one late feed would fire; lower it`,
  );
  return system.exit(EXIT.usage);
}

export function createChecks(settings: Settings, platform: Platform, use: Use): Check[] {
  return checkKinds.flatMap((kind) => kind.create(settings, platform, use));
}

/** A path setting, undefined where the file says `none`. */
export function pathOrNone(settings: Settings, name: string): string | undefined {
  const path = settings.path(name);
  return path === "none" ? undefined : path;
}
