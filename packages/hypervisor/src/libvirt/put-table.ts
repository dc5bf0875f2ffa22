/** Puts an ACPI table where the QEMUs of this host can read it, once for all guests. */
import { createReadStream } from "node:fs";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { buffer } from "node:stream/consumers";
import { printable } from "@bernard/protocol";
import { HypervisorError } from "../errors.ts";

/** @throws HypervisorError where it cannot be put there, or another table is */
export async function putTable(path: string, bytes: Uint8Array): Promise<void> {
  try {
    const dir = dirname(path);
    if ((await mkdir(dir, { recursive: true })) !== undefined) await chmod(dir, 0o755);
    await writeFile(path, bytes, { flag: "wx" });
    await chmod(path, 0o644); // a umask may keep it from QEMU
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === "EEXIST";
    if (!isThere) throw failed("cannot write", path, error as Error, "run bernard as root, or where the file is there");
    if (!(await holds(path, bytes))) {
      throw failed(
        "another table is in",
        path,
        undefined,
        "see what it is: bernard acpi-table --check FILE; then move it",
      );
    }
  }
}

async function holds(path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    return (await buffer(createReadStream(path, { end: bytes.length }))).equals(bytes);
  } catch (error) {
    throw failed("cannot read", path, error as Error, "QEMU must be able to read it too");
  }
}

function failed(what: string, path: string, cause: Error | undefined, hint: string): HypervisorError {
  const why = cause === undefined ? "" : `: ${cause.message}`;
  return new HypervisorError("failed", printable(`${what} ${path}${why}`), { hint, cause });
}
