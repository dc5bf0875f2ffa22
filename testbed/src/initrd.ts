/** Builds an initramfs of files that are on this machine; kept until one of them changes. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached, type Say } from "@bernard/tools";
import { cpio, type Entry } from "./cpio.ts";

export interface GuestFile {
  /** Where it is on this machine. */
  readonly from: string;
  readonly executable: boolean;
}

/**
 * Returns the initramfs, which has busybox for its shell.
 * @param name names the cached folder
 * @param files by their path in the guest without a leading slash
 */
export async function buildInitrd(name: string, files: ReadonlyMap<string, GuestFile>, say: Say): Promise<string> {
  const dir = await cached(
    {
      name,
      inputs: [...files.keys()],
      files: [
        ...[...files.values()].map(({ from }) => from),
        join(import.meta.dirname, "cpio.ts"),
        import.meta.filename,
      ],
      build: async (dir) => {
        const entries = new Map<string, Entry>([
          ["bin/sh", { kind: "link", target: "busybox" }],
          ["dev", { kind: "directory" }],
          ["etc", { kind: "directory" }],
        ]);
        for (const [to, { from, executable }] of files) {
          entries.set(to, { kind: "file", data: await readFile(from), executable });
        }
        // Uncompressed: to read more is cheaper than to decompress on an emulated CPU.
        await writeFile(join(dir, "initrd"), cpio(entries));
      },
    },
    say,
  );
  return join(dir, "initrd");
}
