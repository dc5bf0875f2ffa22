/** The cgroups (v2) that this daemon is in: a limit of theirs is no trouble of the guest's. Read only once something looks wrong. */
import { behind, decode, encode, numberAt } from "../bytes.ts";
import type { Platform } from "../platform.ts";

const ROOT = "/sys/fs/cgroup";
const UNIFIED = encode("0::");

/** Folders of our own cgroup and of each one above it but the root, which has no limits; none where only v1 is in use. */
export function ownCgroups(platform: Platform): string[] {
  const text = platform.readFile("/proc/self/cgroup");
  const at = text === undefined ? -1 : behind(text, UNIFIED);
  if (text === undefined || at === -1) return [];
  const path = decode(text.subarray(at)).split("\n")[0] ?? "";
  const folders: string[] = [];
  for (let end = path.length; end > 0; end = path.lastIndexOf("/", end - 1)) {
    if (end > 1) folders.push(ROOT + path.slice(0, end));
  }
  return folders;
}

/** A cgroup's `pids.max` and its like; NaN where it has no limit ("max"). */
export function limitOf(platform: Platform, cgroup: string, file: string): number {
  const text = platform.readFile(`${cgroup}/${file}`);
  return text === undefined ? Number.NaN : numberAt(text, 0);
}
