/** The files that a package installs, and how they get into a folder so that every build gives the same. */
import { chmod, mkdir, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** A file, or an empty folder. */
export interface Entry {
  /** Without a leading slash. */
  readonly path: string;
  /** Undefined for a folder. */
  readonly bytes: Uint8Array | undefined;
  readonly mode: number;
  /** Package managers keep a person's changes to it. */
  readonly configuration?: true;
}

/** Writes them, and every folder above them, with fixed modes and one time (seconds since 1970). */
export async function writeTree(root: string, entries: readonly Entry[], time: number): Promise<void> {
  const folders = new Set<string>(["."]);
  for (const { path, bytes, mode } of entries) {
    for (let above = dirname(path); above !== "."; above = dirname(above)) folders.add(above);
    if (bytes === undefined) folders.add(path);
    await mkdir(join(root, bytes === undefined ? path : dirname(path)), { recursive: true });
    if (bytes === undefined) continue;
    await writeFile(join(root, path), bytes);
    await chmod(join(root, path), mode); // not masked, as writeFile's is
    await utimes(join(root, path), time, time);
  }
  for (const folder of folders) {
    await chmod(join(root, folder), 0o755);
    await utimes(join(root, folder), time, time);
  }
}
