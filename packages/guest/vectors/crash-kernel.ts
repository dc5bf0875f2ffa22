/** Who is told that a dump may be cut short. */
import { encode } from "../src/bytes.ts";
import { parseConfig, type Settings } from "../src/config.ts";
import { crashKernelNotice } from "../src/crash-kernel.ts";
import { keys } from "../src/settings.ts";
import { suite } from "./vector.ts";

interface Guest {
  readonly loaded?: string;
  readonly timeout: number;
  readonly config?: string;
}

function notice({ loaded, timeout, config = "" }: Guest): string {
  const platform = { readFile: () => (loaded === undefined ? undefined : encode(loaded)) };
  return crashKernelNotice(platform, timeout, parseConfig(config, "story", keys) as Settings) ?? "nothing";
}

export const crashKernel = suite("crash kernel", notice, [
  ["no kexec in this kernel", { timeout: 30 }, "nothing"],
  ["no crash kernel loaded", { loaded: "0\n", timeout: 30 }, "nothing"],
  [
    "the device fires into the dump",
    { loaded: "1\n", timeout: 30 },
    "a crash kernel is loaded, and 30 s after a crash the watchdog fires into its dump; raise watchdog-timeout to 180",
  ],
  ["time enough for a dump", { loaded: "1\n", timeout: 180 }, "nothing"],
  [
    "a crash on purpose has its own deadline",
    { loaded: "1\n", timeout: 180, config: "script-end = panic\n" },
    "a crash kernel is loaded, and 30 s after a crash the watchdog fires into its dump; raise end-deadline to 180",
  ],
  [
    "and time enough for that",
    { loaded: "1\n", timeout: 180, config: "script-end = panic\nend-deadline = 180\n" },
    "nothing",
  ],
]);
