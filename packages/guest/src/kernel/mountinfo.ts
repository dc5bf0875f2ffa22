/**
 * One mount as /proc/self/mountinfo shows it (proc(5)):
 *
 *   36 25 254:0 / /data rw,relatime shared:1 - ext4 /dev/mapper/data rw,errors=remount-ro
 *   ids   device   mount point, its own flags, optional fields, a dash, type, source, the file system's flags
 */
import { behind, decode, encode, joined } from "../bytes.ts";

export interface Mount {
  /** Device number, `MAJOR:MINOR`. */
  readonly device: string;
  readonly type: string;
  /** What is mounted: a device's path, a server's export, or only a name. */
  readonly source: string;
  /** Read-only by this mount's own flag: an administrator's doing, never an error's. */
  readonly readOnlyByIntent: boolean;
  /** The file system's own flags, `rw,errors=remount-ro`; they explain, but an error need not show in them. */
  readonly flags: string;
}

/** Whether the file system has given up by its own account. Many a kernel keeps that to itself: ext4 from 6.1 to 6.14, XFS always. */
export function isShutDown({ type, flags, readOnlyByIntent }: Mount): boolean {
  const all = flags.split(",");
  // Btrfs turns the file system read-only and leaves the mount as it is; an administrator's remount sets both.
  if (type === "btrfs" && all.includes("ro") && !readOnlyByIntent) return true;
  return all.includes("shutdown") || all.includes("emergency_ro");
}

const NEWLINE = 10;

/** A line longer than this is not waited for; overlays with many layers have the longest, a few KiB. */
const LONGEST_LINE = 16 * 1024;

/** Looks for the mount at one point in a mountinfo of any length, given chunk by chunk; of several stacked, the topmost (the last) counts. */
export class MountSearch {
  readonly #point: string;
  /** What every line of this mount has in it: cheap to look for before a line is taken apart. */
  readonly #key: Uint8Array;
  #rest = new Uint8Array(0);
  found: Mount | undefined;

  constructor(point: string) {
    this.#point = point;
    this.#key = encode(`${escapePath(point)} `);
  }

  /**
   * Takes the next chunk; always wants more. A method, and no function of each object's own: that one would hold its object and be held
   * by it, and such rings lie about until the engine looks for them.
   */
  take(chunk: Uint8Array): boolean {
    const bytes = joined(this.#rest, chunk);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, start)) {
      const line = bytes.subarray(start, end);
      if (behind(line, this.#key) !== -1) this.#takeLine(decode(line));
      start = end + 1;
    }
    this.#rest = bytes.length - start > LONGEST_LINE ? new Uint8Array(0) : bytes.slice(start);
    return true;
  }

  #takeLine(line: string): void {
    const fields = line.split(" ");
    const dash = fields.indexOf("-", 6);
    if (dash === -1 || fields[4] !== escapePath(this.#point)) return;
    this.found = {
      device: fields[2] as string,
      type: fields[dash + 1] ?? "",
      source: unescapePath(fields[dash + 2] ?? ""),
      readOnlyByIntent: (fields[5] as string).split(",").includes("ro"),
      flags: fields[dash + 3] ?? "",
    };
  }
}

/** As the kernel writes paths: space, tab, newline and backslash as three octal digits, `\040`. */
function escapePath(path: string): string {
  let escaped = "";
  for (const character of path) {
    escaped += " \t\n\\".includes(character) ? `\\0${character.charCodeAt(0).toString(8).padStart(2, "0")}` : character;
  }
  return escaped;
}

/** The reverse: any three octal digits behind a backslash are one character. */
export function unescapePath(text: string): string {
  let at = text.indexOf("\\");
  if (at === -1) return text;
  let path = "";
  let start = 0;
  for (; at !== -1; at = text.indexOf("\\", at)) {
    const code = octal(text.slice(at + 1, at + 4));
    if (Number.isNaN(code)) at += 1;
    else {
      path += text.slice(start, at) + String.fromCharCode(code);
      at += 4;
      start = at;
    }
  }
  return path + text.slice(start);
}

/** Three octal digits as a number; NaN where they are none. */
function octal(digits: string): number {
  let value = digits.length === 3 ? 0 : Number.NaN;
  for (const digit of digits) value = value * 8 + (digit >= "0" && digit <= "7" ? Number(digit) : Number.NaN);
  return value;
}
