/**
 * What the kernel itself says of its troubles, as it says it. Messages about disks only have the disk checks look at once; the others
 * are told. No message alone ends the guest, unless the configuration asks for that.
 *
 *   /dev/kmsg, a record: "3,1203,98765432,-;I/O error, dev vda, sector 2048 op 0x1:(WRITE) ...\n SUBSYSTEM=block\n"
 *   priority and facility (priority + 8 * facility), sequence number, microseconds since boot, flags; text
 *
 * Only facility 0 counts, the kernel's own: what processes write there always has another one, so that nobody can forge a message,
 * and our own never count.
 */
import { type Check, type CheckKind, endKey, type Reading, type Signs } from "../check.ts";
import type { End } from "../end.ts";
import type { KernelLog } from "../platform.ts";

/** Records that one round looks at. More than that since the last round is a flood, and passed over. */
const MOST_RECORDS = 100;

/** Milliseconds for which a message counts as trouble. */
const LASTING = 60_000;

/** Characters of a message that are looked at and told. */
const MOST_TEXT = 200;

/** What a repair program is told: watchdog(8)'s code for whatever has none of its own (EUSERVALUE). */
const USER_VALUE = 246;

/** Parts of messages, in this order anywhere in one. `*` stands between them for anything. */
const ABOUT_DISKS = [
  "I/O error, dev ",
  "Buffer I/O error on dev",
  "critical * error, dev ",
  "device offline error, dev ",
  "rejecting I/O to offline device",
  "EXT4-fs error",
  "EXT4-fs (*): Remounting filesystem read-only",
  "EXT4-fs (*): shut down requested",
  "Aborting journal on device",
  "BTRFS: error",
  "BTRFS error",
  "BTRFS * forced readonly",
  "F2FS-fs (*): ",
];

/** XFS tells nobody else, and what it tells is final. */
const XFS_SHUTDOWN = ["XFS (*): * Shutting down filesystem", "XFS (*): Filesystem has been shut down due to "];

const TOLD = [
  "INFO: task * blocked for more than * seconds",
  "BUG: soft lockup",
  "watchdog: BUG:",
  "Watchdog detected hard LOCKUP",
  "detected stalls on CPUs/tasks",
  "self-detected stall on CPU",
  "BUG: kernel",
  "BUG: unable to handle",
  "kernel BUG at ",
  "general protection fault, ",
  "Oops: ",
  "[Hardware Error]",
  "Out of memory: Killed process",
];

const COMMA = 44;
const ZERO = 48;
const SEMICOLON = 59;
const NEWLINE = 10;

/** The parts of a pattern; none where there is nothing but `*`. */
function partsOf(pattern: string): string[] {
  return pattern.split("*").filter((part) => part !== "");
}

/** Whether all parts are found in `text`, in order. */
function matches(text: string, parts: readonly string[]): boolean {
  let at = 0;
  for (const part of parts) {
    at = text.indexOf(part, at);
    if (at === -1) return false;
    at += part.length;
  }
  return true;
}

interface Heard {
  readonly text: string;
  readonly at: number;
  /** It matches a pattern of the configuration's. */
  readonly own: boolean;
}

class KernelLogCheck implements Check {
  readonly name = "kernel-log";
  readonly end = "alarm";
  readonly code = USER_VALUE;
  readonly #log: KernelLog;
  readonly #signs: Signs;
  readonly #ownEnd: End;
  readonly #own: readonly string[][];
  readonly #aboutDisks = ABOUT_DISKS.map(partsOf);
  readonly #shutdown = XFS_SHUTDOWN.map(partsOf);
  readonly #told = TOLD.map(partsOf);
  #heard: Heard | undefined;
  #matched = 0;
  #floods = 0;

  constructor(log: KernelLog, patterns: readonly string[], ownEnd: End, signs: Signs) {
    this.#log = log;
    this.#own = patterns.map(partsOf);
    this.#ownEnd = ownEnd;
    this.#signs = signs;
  }

  read(now: number): Reading {
    this.#takeRecords(now);
    if (this.#heard !== undefined && now - this.#heard.at >= LASTING) this.#heard = undefined;
    const heard = this.#heard;
    const readings = { matched: this.#matched, floods: this.#floods };
    if (heard === undefined) return { reason: "", readings };
    return { reason: `the kernel says: ${heard.text}`, readings, end: heard.own ? this.#ownEnd : this.end };
  }

  #takeRecords(now: number): void {
    for (let taken = 0; taken < MOST_RECORDS; taken++) {
      const record = this.#log.next();
      if (record === undefined) return;
      if (record === "lost") this.#floods += 1;
      else if (isOfKernel(record)) this.#take(record, now);
    }
    this.#floods += 1;
    this.#log.skip();
  }

  #take(record: Uint8Array, now: number): void {
    const start = record.indexOf(SEMICOLON) + 1;
    const end = record.indexOf(NEWLINE, start);
    const text = textOf(record.subarray(start, Math.min(end === -1 ? record.length : end, start + MOST_TEXT)));
    if (matchesAny(text, this.#shutdown)) this.#noteShutdown(text);
    else if (matchesAny(text, this.#aboutDisks)) this.#signs.disk += 1;
    const own = matchesAny(text, this.#own);
    if (!own && !matchesAny(text, this.#told)) return;
    this.#matched += 1;
    // What the administrator asks for is not hidden by what the kernel says next.
    if (own || this.#heard?.own !== true) this.#heard = { text, at: now, own };
  }

  /** `XFS (dm-0): Log I/O Error (0x2) detected at xlog_ioend_work+0x6d/0x80 [xfs] (fs/xfs/xfs_log.c:1378).  Shutting down filesystem.` */
  #noteShutdown(text: string): void {
    this.#signs.disk += 1;
    const start = text.indexOf("(") + 1;
    const device = text.slice(start, text.indexOf(")", start));
    const before = this.#signs.shutDown ?? [];
    if (!before.includes(device)) this.#signs.shutDown = [...before, device];
  }
}

/** A priority of one digit, below 8: anything more has a facility in it. */
function isOfKernel(record: Uint8Array): boolean {
  const digit = record[0] as number;
  return record[1] === COMMA && digit >= ZERO && digit < ZERO + 8;
}

function matchesAny(text: string, patterns: readonly (readonly string[])[]): boolean {
  for (const parts of patterns) if (matches(text, parts)) return true;
  return false;
}

/** The kernel writes whatever is not printable ASCII as `\xNN`; so bytes are characters. */
function textOf(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

export const kernelLog: CheckKind = {
  keys: [
    {
      name: "kernel-message",
      type: "texts",
      form: "TEXT",
      most: 32,
      problemWith: (text) => (partsOf(text).length > 0 ? undefined : "nothing but '*'; write a part of the message"),
      help: "part of a message of the kernel's that is trouble, '*' for anything in its midst",
    },
    endKey("kernel-message", "alarm"),
  ],
  create({ settings, platform, signs, use }) {
    if (use === "once") return [];
    const log = platform.kernelLog();
    if (log === undefined) return [];
    return [new KernelLogCheck(log, settings.texts("kernel-message"), settings.end("kernel-message"), signs)];
  },
};
