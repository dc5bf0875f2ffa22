/** The one shape of a check, and how its readings become verdicts. */
import type { CheckReport, Verdict } from "@bernard/protocol/messages";
import type { Key, Settings } from "./config.ts";
import { ENDS, type End } from "./end.ts";
import type { Platform } from "./platform.ts";

/** What one look at the guest found. */
export interface Reading {
  /** Why this is over the limit, for people; empty when it is not. */
  readonly reason: string;
  /** The numbers behind it; units are in the names. One that is not known is NaN, and not told. */
  readonly readings: Readonly<Record<string, number>>;
  /** How long it must stay over the limit to count as failed, in ms. */
  readonly hold?: number;
  /** When the trouble began (ms), where that is earlier than this look. */
  readonly since?: number;
  /** What follows, where this trouble calls for another end than the check's. */
  readonly end?: End;
  /** The code of this trouble, where it is another than the check's. */
  readonly code?: number;
}

/** One thing that must be well for the watchdog to be fed. */
export interface Check {
  readonly name: string;
  readonly end: End;
  /** Its limits, for people. */
  readonly limit?: string;
  /** What a repair program is told: an errno, or one of watchdog(8)'s own codes (watchdog(8), "CHECK BINARY"). */
  readonly code: number;
  /** Milliseconds from one look to the next; undefined: each round. */
  readonly period?: number;
  /** A program that repairs what it finds, called as watchdog(8) calls those of its test-directory. */
  readonly repairProgram?: string;
  /** Whether it may end the guest only where the bite budget's record can be written, for nothing else would brake a loop. */
  readonly needsBrake?: true;
  /** Takes a reading; never blocks, never touches a disk. */
  read(now: number): Reading;
  /** Keeps the last words where the next boot finds them, if this check has the means; never waits for it. */
  recordLastWords?(words: string): void;
}

/** `watch`: round after round, against the state at start. `once`: a single look, with no past to compare with. */
export type Use = "watch" | "once";

/** What a check is made with. */
export interface Context {
  readonly settings: Settings;
  readonly platform: Platform;
  readonly use: Use;
  readonly signs: Signs;
}

/** Cheap signs of trouble that one check sees and another one looks into. */
export interface Signs {
  /** Messages of the kernel about failing disks and file systems, counted. */
  disk: number;
  /** Block devices, as the kernel names them, whose file system it has shut down; undefined: none. */
  shutDown?: readonly string[];
}

/** One kind of check: its configuration keys, and the checks that a configuration asks for. One file each in `checks/`. */
export interface CheckKind {
  readonly keys: readonly Key[];
  create(context: Context): Check[];
}

/**
 * What becomes of a trouble where things were not well once since start: it only alarms, for what was mistyped would be a loop of resets.
 * @param never how that is told, `not alive`
 */
export function neverWell(reason: string, never: string): Pick<Reading, "reason"> & { readonly end: End } {
  return { reason: `${reason}; ${never} once since start`, end: "alarm" };
}

/** The key `NAME-end`: what follows when this kind of check has failed. */
export function endKey(name: string, fallback: End): Key {
  return { name: `${name}-end`, type: "choice", options: ENDS, fallback, help: `what follows when ${name} has failed` };
}

/** The key `NAME-hold`: for how long the trouble must last. */
export function holdKey(name: string, fallback: number, help = "it must last this long"): Key {
  return { name: `${name}-hold`, type: "number", unit: "seconds", min: 0, max: 86400, fallback, help };
}

/** A look that comes this much (ms) before a hold time is over is the look that ends it: rounds are not exact to the microsecond. */
const JITTER = 50;

/** A check with its memory: healthy, failing from the first bad reading, failed once that has lasted for the hold time. */
export class HeldCheck {
  readonly check: Check;
  verdict: Verdict = "healthy";
  #reading: Reading = { reason: "", readings: {} };
  #badSince: number | undefined;
  #lookedAt: number | undefined;
  readonly #longestRound: number;
  /** Trouble before this (ms) counts no more. */
  #forgivenUntil = Number.NEGATIVE_INFINITY;
  /** Time (ms) since #badSince that went by in gaps: the host was starved, or the guest stood still. */
  #unseen = 0;

  /** @param longestRound a longer gap (ms) between two looks counts towards no hold time: nobody saw what happened in it */
  constructor(check: Check, longestRound: number) {
    this.check = check;
    this.#longestRound = longestRound;
  }

  /** What follows now that it has failed. */
  get end(): End {
    return this.#reading.end ?? this.check.end;
  }

  /** What a repair program is told. */
  get code(): number {
    return this.#reading.code ?? this.check.code;
  }

  get reason(): string {
    return this.#reading.reason;
  }

  /** Seconds over the limit that make it failed, by the last reading. */
  get hold(): number {
    return (this.#reading.hold ?? 0) / 1000;
  }

  /** It was repaired: what is still bad is bad from now on. */
  startAnew(now: number): void {
    this.#forgivenUntil = now;
    this.#badSince = now;
    this.#unseen = 0;
    this.verdict = "failing";
  }

  /** Takes a reading at `now`, when one is due; true when the verdict changed. */
  look(now: number): boolean {
    const period = this.check.period ?? 0;
    const gap = now - (this.#lookedAt ?? now);
    if (this.#lookedAt !== undefined && gap + JITTER < period) return false;
    const before = this.verdict;
    this.#lookedAt = now;
    this.#reading = this.#read(now);
    if (this.#reading.reason === "") {
      this.#badSince = undefined;
      this.#unseen = 0;
      this.verdict = "healthy";
    } else {
      this.#badSince = Math.min(this.#badSince ?? now, Math.max(this.#reading.since ?? now, this.#forgivenUntil));
      if (gap > this.#longestRound + period) this.#unseen += Math.min(gap, now - this.#badSince);
      const lasted = now - this.#badSince - this.#unseen;
      this.verdict = lasted + JITTER >= (this.#reading.hold ?? 0) ? "failed" : "failing";
    }
    return this.verdict !== before;
  }

  report(): CheckReport {
    const { reason, readings } = this.#reading;
    return { name: this.check.name, verdict: this.verdict, reason, readings: known(readings) };
  }

  /** A defect in one check ends no guest, and keeps no other check from doing so; without this, it would end the daemon in each life. */
  #read(now: number): Reading {
    try {
      return this.check.read(now);
    } catch (error) {
      // No memory left in the engine: there a fresh start helps.
      if (!(error instanceof Error) || error.name === "InternalError") throw error;
      return { reason: `defect in this check, it sees nothing: ${error}`, readings: {}, end: "alarm" };
    }
  }
}

/** Without what is not known: JSON has no NaN, and the host drops a message that has anything but a number in such a place. */
export function known(readings: Reading["readings"]): Record<string, number> {
  const kept: Record<string, number> = {};
  for (const name in readings) {
    const value = readings[name] as number;
    if (Number.isFinite(value)) kept[name] = value;
  }
  return kept;
}
