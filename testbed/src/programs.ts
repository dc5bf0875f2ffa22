/** Builds the test programs of the guests (guest/*.c): static, for they run in any of them. */
import { basename, join } from "node:path";
import { type Arch, compilerFor } from "@bernard/guest/build";
import { cached, run, type Say } from "@bernard/tools";

const here = join(import.meta.dirname, "../guest");

/** Those that each guest has. */
export const PROGRAMS: readonly string[] = ["control", "hog", "shutdown-fs"];

/** The folder of the built programs. */
export async function buildPrograms(arch: Arch, say: Say, names = PROGRAMS): Promise<string> {
  const [command, ...first] = (await compilerFor(arch, say)) as [string, ...string[]];
  const sources = names.map((name) => join(here, `${name}.c`));
  // musl hides the kernel's headers with glibc's; -idirafter brings them back behind musl's own.
  const options = [
    ...first,
    "-static",
    "-Os",
    "-s",
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Werror",
    "-idirafter",
    "/usr/include",
    "-idirafter",
    "/usr/include/x86_64-linux-gnu",
  ];
  return cached(
    {
      name: `testbed-programs-${arch}`,
      inputs: [command, ...options],
      files: sources,
      build: async (dir) => {
        for (const source of sources) await run(command, [...options, "-o", join(dir, basename(source, ".c")), source]);
      },
    },
    say,
  );
}
