/**
 * One mount as /proc/self/mountinfo shows it (proc(5)):
 *
 *   36 25 254:0 / /data rw,relatime shared:1 - ext4 /dev/mapper/data rw,errors=remount-ro
 *   ids   device   mount point, its own flags, optional fields, a dash, type, source, the file system's flags
 */
import { decode } from "./bytes.ts";

export interface Mount {
  /** Device number, `MAJOR:MINOR`. */
  readonly device: string;
  readonly type: string;
  /** Read-only by this mount's own flag: an administrator's doing, never an error's. */
  readonly readOnlyByIntent: boolean;
  /** The file system's own flags, `rw,errors=remount-ro`; they explain, but an error need not show in them. */
  readonly flags: string;
}

/** The mount at `point`, the topmost where several are stacked; undefined where none is. */
export function findMount(mountinfo: Uint8Array, point: string): Mount | undefined {
  let found: Mount | undefined;
  for (const line of decode(mountinfo).split("\n")) {
    const fields = line.split(" ");
    const dash = fields.indexOf("-", 6);
    if (dash === -1 || unescapePath(fields[4] as string) !== point) continue;
    const own = (fields[5] as string).split(",");
    found = {
      device: fields[2] as string,
      type: fields[dash + 1] ?? "",
      readOnlyByIntent: own.includes("ro"),
      flags: fields[dash + 3] ?? "",
    };
  }
  return found;
}

/** Spaces, tabs, newlines and backslashes in paths are written as three octal digits: `\040`. */
function unescapePath(path: string): string {
  const parts = path.split("\\");
  return parts
    .map((part, index) =>
      index === 0 ? part : String.fromCharCode(Number.parseInt(part.slice(0, 3), 8)) + part.slice(3),
    )
    .join("");
}
