/** What is in an unpacked kernel package of Debian's. */
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { run, UserError } from "@bernard/tools";
import { moduleName } from "./modules.ts";

export interface Modules {
  readonly isBuiltIn: (name: string) => boolean;
  /** A module as the kernel takes it; undefined where there is none of that name. */
  readonly read: (name: string) => Promise<Buffer | undefined>;
}

/** The kernel's version as its files and `uname -r` have it. */
export async function releaseOf(unpacked: string): Promise<string> {
  const files = await readdir(join(unpacked, "boot"));
  const image = files.find((file) => file.startsWith("vmlinuz-"));
  if (image === undefined) throw new UserError(`${unpacked} holds no kernel`, "run make clean and try again");
  return image.slice("vmlinuz-".length);
}

export async function modulesOf(unpacked: string, release: string): Promise<Modules> {
  const folder = join(unpacked, "lib/modules", release);
  // `kernel/drivers/block/virtio_blk.ko` a line
  const lines = async (name: string) => (await readFile(join(folder, name), "utf8")).trim().split("\n");
  const files = new Map((await lines("modules.order")).map((file) => [moduleName(file), join(folder, file)]));
  const builtIn = new Set((await lines("modules.builtin")).map(moduleName));
  return {
    isBuiltIn: (name) => builtIn.has(moduleName(name)),
    read: async (name) => {
      const file = files.get(moduleName(name));
      if (file === undefined) return undefined;
      if (existsSync(file)) return readFile(file);
      return run("xz", ["--decompress", "--stdout", `${file}.xz`]); // 6.12's are compressed in the package
    },
  };
}
