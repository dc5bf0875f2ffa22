/** Runs a shell script as root over a file system in memory, which is gone with the script, however that ends. */
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { asRoot } from "./debian.ts";

/**
 * Nothing of what the script makes there can stay behind, be it root's or a mount: both belong to a namespace that ends
 * with the script. And no sync of dpkg's waits for a disk.
 * @param dir an existing folder; the script finds the file system's mount point in it as `$1`, empty
 * @param args its further arguments, from `$2` on
 */
export async function runInScratch(dir: string, script: string, args: readonly string[], hint: string): Promise<void> {
  const mountPoint = join(dir, "scratch");
  await mkdir(mountPoint);
  const namespaces = ["--mount", "--pid", "--fork", "--kill-child"];
  const command = `mount -t tmpfs -o mode=755 tmpfs "$1"\n${script}`;
  await asRoot("unshare", [...namespaces, "sh", "-euc", command, "scratch", mountPoint, ...args], hint);
  await rmdir(mountPoint);
}
