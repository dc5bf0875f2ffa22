/**
 * The kernel's table of open files is full: services are refused with ENFILE, and so is every login.
 *
 * Proof is a refusal, met by a process that has given up being root: root is let past the limit, and would never notice. Where
 * systemd runs, the limit is 2^63-1 and never met.
 *
 *   /proc/sys/fs/file-nr   "1024\t0\t9223372036854775807\n": open, always 0, limit
 */
import { fieldAt, numberAt } from "../bytes.ts";
import { type Check, type CheckKind, endKey, holdKey, type Reading } from "../check.ts";
import type { End } from "../end.ts";
import { percent, round } from "../percent.ts";
import type { Platform } from "../platform.ts";
import { RecurringJob } from "../recurring-job.ts";

const EPERM = 1;
const ENFILE = 23;

/** Milliseconds from one look to the next, and from one attempt to the next while there is plenty of room. */
const PERIOD = 5000;
const INTERVAL = 60_000;

/** Milliseconds. */
const DEADLINE = 60_000;

/** Percent of the table from which on an attempt is made at each look. */
const CROWDED = 90;

class HandlesCheck implements Check {
  readonly name = "handles";
  readonly end: End;
  readonly code = ENFILE;
  readonly #hold: number;
  readonly #platform: Platform;
  readonly #readFileNr: () => Uint8Array | undefined;
  readonly #attempt: RecurringJob;
  #refused = false;
  #saidPowerless = false;

  constructor(hold: number, end: End, platform: Platform) {
    this.end = end;
    this.#hold = hold;
    this.#platform = platform;
    this.#readFileNr = platform.reader("/proc/sys/fs/file-nr");
    this.#attempt = new RecurringJob(platform, ["openFile"], DEADLINE);
  }

  get period(): number {
    return this.#attempt.isOut ? 0 : PERIOD;
  }

  read(now: number): Reading {
    const text = this.#readFileNr();
    const open = text === undefined ? Number.NaN : numberAt(text, 0);
    const limit = text === undefined ? Number.NaN : numberAt(text, fieldAt(text, 2));
    const used = percent(open, limit);
    const outcome = this.#attempt.take();
    if (outcome?.status === 0) this.#refused = false;
    if (outcome?.status === ENFILE) this.#refused = true;
    if (outcome?.status === EPERM) this.#sayPowerless();
    this.#attempt.startWhenDue(now, used >= CROWDED || this.#refused ? PERIOD : INTERVAL);
    return {
      reason: this.#refused ? `no more files can be opened: ${open} open of ${limit} (ENFILE)` : "",
      readings: { open_files: open, open_files_percent: round(used) },
      hold: this.#hold,
    };
  }

  #sayPowerless(): void {
    if (!this.#saidPowerless) {
      this.#platform.log("warning: handles: the attempt to open a file stays root's; needs CAP_SETUID", true);
    }
    this.#saidPowerless = true;
  }
}

export const handles: CheckKind = {
  keys: [
    {
      name: "file-probe",
      type: "switch",
      fallback: true,
      help: "try each minute, and more often when many are open, to open a file without being root",
    },
    holdKey("handles", 60, "opening a file must be refused for this long"),
    endKey("handles", "reboot"),
  ],
  create({ settings, platform }) {
    if (!settings.on("file-probe")) return [];
    return [new HandlesCheck(settings.number("handles-hold") * 1000, settings.end("handles"), platform)];
  },
};
