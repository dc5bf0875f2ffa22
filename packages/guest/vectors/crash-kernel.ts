/** Who is told that a dump may be cut short. */
import { encode } from "../src/bytes.ts";
import { crashKernelNotice } from "../src/crash-kernel.ts";
import { suite } from "./vector.ts";

interface Guest {
  readonly loaded?: string;
  readonly timeout: number;
}

const notice = ({ loaded, timeout }: Guest) =>
  crashKernelNotice({ readFile: () => (loaded === undefined ? undefined : encode(loaded)) }, timeout) ?? "nothing";

export const crashKernel = suite("crash kernel", notice, [
  ["no kexec in this kernel", { timeout: 30 }, "nothing"],
  ["no crash kernel loaded", { loaded: "0\n", timeout: 30 }, "nothing"],
  [
    "the device fires into the dump",
    { loaded: "1\n", timeout: 30 },
    "a crash kernel is loaded, and 30 s after a crash the watchdog fires into its dump; raise watchdog-timeout to 180",
  ],
  ["time enough for a dump", { loaded: "1\n", timeout: 180 }, "nothing"],
]);
