/**
 * The file systems of /etc/fstab (fstab(5)):
 *
 *   UUID=5e1f-... /var/my\040data ext4 errors=remount-ro,nofail 0 2
 */
import { unescapePath } from "./mountinfo.ts";

export interface FstabEntry {
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

/** Every line that names a mount point; what is no such line is passed over, as mount(8) does. */
export function parseFstab(text: string): FstabEntry[] {
  const entries: FstabEntry[] = [];
  for (const line of text.split("\n")) {
    const [source = "#", point = "", type = "", options = ""] = fieldsOf(line);
    if (source.startsWith("#") || type === "" || !point.startsWith("/")) continue;
    entries.push({ point: unescapePath(point), type, options: options.split(",") });
  }
  return entries;
}

function fieldsOf(line: string): string[] {
  return line
    .replaceAll("\t", " ")
    .split(" ")
    .map((field) => field.trim())
    .filter((field) => field !== "");
}
