/** Jobs on small files of our own: what is in one, and another content for it, whole or not at all. */
import { decode, encode } from "../../bytes.ts";
import * as abi from "../abi.ts";
import * as system from "../system.ts";
import type { JobTask } from "./job.ts";

/** The start of a file. */
export const load: JobTask = (path = "") => {
  const bytes = system.readWhole(path);
  return typeof bytes === "number" ? { status: -bytes, output: "" } : { status: 0, output: decode(bytes) };
};

/** Makes the folder too, where it is missing; on disk when this ends. */
export const save: JobTask = (path = "", content = "") => {
  const folder = path.slice(0, path.lastIndexOf("/"));
  system.makeDirectory(folder, 0o700);
  const fresh = `${path}.new`;
  const fd = system.open(fresh, abi.O_WRONLY | abi.O_CREAT | abi.O_TRUNC | abi.O_NOFOLLOW, 0o600);
  if (fd < 0) return { status: -fd, output: "" };
  const bytes = encode(content);
  const written = system.write(fd, bytes);
  const cut = written >= 0 && written < bytes.length; // by a disk that is just full
  const synced = cut ? -abi.ENOSPC : written < 0 ? written : system.fsync(fd);
  system.close(fd);
  const renamed = synced < 0 ? synced : system.rename(fresh, path);
  if (renamed >= 0) syncFolder(folder);
  return { status: -Math.min(renamed, 0), output: "" };
};

/** The new name is on disk only with its folder: a crash would bring the old file back. Some file systems know no such thing. */
function syncFolder(folder: string): void {
  const fd = system.open(folder, abi.O_RDONLY);
  if (fd < 0) return;
  system.fsync(fd);
  system.close(fd);
}
