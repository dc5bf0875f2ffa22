/**
 * What outlives a reset: which boots ended by our hand, and what would have ended others. One small JSON file in the state
 * directory, written at start and at rare events by a job, so that a dead disk holds nothing up.
 *
 * From it comes the bite budget: after so many ends within a window the daemon feeds on and only shouts, for a guest that
 * nothing cures must not be reset for ever. The record belongs to one machine (its DMI UUID): a template's clone starts afresh.
 */
import { encode } from "./bytes.ts";
import type { End } from "./end.ts";
import { type JobOutcome, type Platform, type RunningJob, TIMED_OUT } from "./platform.ts";

/** An end, or one that was not carried out. */
export interface Bite {
  /** Seconds since 1970. */
  readonly at: number;
  readonly check: string;
  readonly reason: string;
  readonly end: End;
}

export interface GuestRecord {
  /** The machine's DMI UUID; empty where it has none. */
  readonly machine: string;
  /** Boot id of the boot that wrote this. */
  readonly boot: string;
  /** Whether the device was left ticking: then, if nothing else tells how that boot ended, it fired. */
  readonly armed: boolean;
  /** When (seconds since 1970) boots ended by a fire or by our own hand, oldest first. */
  readonly bites: readonly number[];
  /** How this boot was ended by us, as far as it could be written. */
  readonly end: Bite | null;
  /** How the boot before ended, and what was written down when that was by us. */
  readonly lastEnd: LastEnd;
  readonly last: Bite | null;
  /** Ends that the mode, a mute or a spent budget kept from being carried out, oldest first. */
  readonly wouldBe: readonly Bite[];
}

export const RECORD_FILE = "record.json";

/** How the previous boot ended, as far as it concerns us. */
export type LastEnd = (typeof LAST_ENDS)[number];
const LAST_ENDS = ["unknown", "fired", "by us"] as const;

export interface RecordOptions {
  /** Undefined: nothing is kept. */
  readonly directory: string | undefined;
  readonly machine: string;
  readonly boot: string;
  /** Most ends within the window. */
  readonly limit: number;
  /** Seconds. */
  readonly window: number;
  /** Milliseconds that may go by without a feed. */
  readonly patience: number;
}

/** Milliseconds that a read or a write of the record may take at start and at an end, at most. */
const PATIENCE = 3000;

const ENOENT = 2;

/** Milliseconds after boot by which every file system is mounted. */
const BOOT_SETTLED = 120_000;

/** Milliseconds from one look for the record to the next, while file systems are being mounted and after that. */
const LOOK_INTERVAL = 15_000;
const RETRY_INTERVAL = 60_000;

const WOULD_BE_KEPT_S = 14 * 86400;

/** Most bytes of the record: a job's request is 4 KiB at most. */
const MOST_TEXT = 3600;
const MOST_REASON = 160;
const MOST_BITES = 32;

export class RecordKeeper {
  readonly #platform: Platform;
  readonly #options: RecordOptions;
  readonly #patience: number;
  /** Seconds since 1970 at the clock's start, as far as they were known when the record was opened. */
  readonly #epoch: number;
  #record: GuestRecord;
  /** There may be a record that could not be read: it is not to be lost. */
  #isUnread = false;
  #fired: boolean | undefined;
  #isOpened = false;
  #looking: RunningJob | undefined;
  #nextLook = 0;
  #hasWarned = false;
  #saving: RunningJob | undefined;
  #isStale = false;
  /** Whether the record could be written: without it nothing brakes a loop. */
  isKept = false;

  constructor(platform: Platform, options: RecordOptions) {
    this.#platform = platform;
    this.#options = options;
    this.#patience = Math.min(PATIENCE, options.patience);
    this.#epoch = platform.wallClock() - platform.now() / 1000;
    this.#record = fresh(options);
  }

  get record(): GuestRecord {
    return this.#record;
  }

  /** How the boot before ended. */
  get lastEnd(): LastEnd {
    return this.#record.lastEnd;
  }

  /**
   * Takes over what the last boot left, counts its end, and writes the record anew. Waits a few seconds at most.
   * @param fired whether the device says that it fired; undefined where it cannot say
   */
  open(fired: boolean | undefined): void {
    this.#fired = fired;
    const path = this.#path();
    if (path === undefined) return;
    const loading = this.#platform.startJob(["load", path], this.#patience);
    this.#platform.settle(this.#platform.now() + this.#patience);
    this.#takeOver(loading.outcome ?? { status: TIMED_OUT, output: "" });
    this.#platform.settle(this.#platform.now() + this.#patience);
    this.#noteSaved();
  }

  /**
   * Once a round: writes what a write that was out has held up, and looks again for what was not there at start. The daemon starts
   * before file systems are mounted: the state directory may be read-only then, or another one than later.
   */
  tend(now: number): void {
    this.#noteSaved();
    if (this.#isStale && this.#saving?.outcome !== undefined) this.#save();
    const path = this.#path();
    const isSettling = now < BOOT_SETTLED;
    if (!this.isKept && !isSettling) this.#warn();
    if (this.#looking !== undefined) {
      if (this.#looking.outcome === undefined) return;
      this.#takeOver(this.#looking.outcome);
      this.#looking = undefined;
      this.#nextLook = now + (isSettling ? LOOK_INTERVAL : RETRY_INTERVAL);
    } else if (path !== undefined && now >= this.#nextLook && (isSettling || !this.isKept)) {
      this.#looking = this.#platform.startJob(["load", path], PATIENCE);
    }
  }

  #noteSaved(): void {
    // Once kept it counts as kept: that a disk takes no more writes is no reason to spare it.
    this.isKept ||= this.#saving?.outcome?.status === 0;
  }

  #warn(): void {
    if (this.#hasWarned) return;
    this.#hasWarned = true;
    this.#platform.log("warning: no record of ends can be written: failing disks only alarm", true);
  }

  /** Judges what a file says; one that this boot wrote says nothing new, but at start, when another life of this program may have. */
  #takeOver({ status, output }: JobOutcome): void {
    const { machine, boot } = this.#options;
    const isFirst = !this.#isOpened;
    this.#isOpened = true;
    this.#isUnread = status !== 0 && status !== ENOENT;
    const before = status === 0 ? parseRecord(output) : undefined;
    if (before?.machine === machine && before.boot === boot) {
      if (isFirst) this.#record = before;
      if (isFirst || !this.isKept) this.#save();
      return;
    }
    if (before?.machine === machine) this.#record = { ...this.#judge(before), armed: this.#record.armed };
    if (this.lastEnd !== "unknown")
      this.#platform.log(`the boot before ended ${this.lastEnd === "fired" ? "by the watchdog" : "by us"}`, true);
    this.#save();
  }

  /** This boot's record after the last one's. */
  #judge(before: GuestRecord): GuestRecord {
    const now = this.#clock();
    const lastEnd = before.end !== null ? "by us" : (this.#fired ?? before.armed) ? "fired" : "unknown";
    // A clock that was set back leaves ends in the future: they are taken for new ones, or they would count for ever.
    const bites = before.bites.map((at) => Math.min(at, now)).filter((at) => now - at < this.#options.window);
    return {
      ...before,
      boot: this.#options.boot,
      bites: (lastEnd === "unknown" ? bites : [...bites, now]).slice(-MOST_BITES),
      end: null,
      last: before.end,
      lastEnd,
      wouldBe: [...before.wouldBe.filter(({ at }) => Math.abs(now - at) < WOULD_BE_KEPT_S), ...this.#record.wouldBe],
    };
  }

  /** How many ends there may be, in how many seconds. */
  get budget(): { readonly limit: number; readonly window_s: number } {
    return { limit: this.#options.limit, window_s: this.#options.window };
  }

  /** Ends within the window. */
  used(): number {
    const now = this.#clock();
    return this.#record.bites.filter((at) => now - at < this.#options.window).length;
  }

  isSpent(): boolean {
    return this.used() >= this.#options.limit;
  }

  noteArmed(armed: boolean): void {
    if (this.#record.armed !== armed) this.#change({ armed });
  }

  /** What the next boot is to know of this one's end; on disk, if it can be, when this returns. */
  noteEnd(bite: Bite): void {
    this.#change({ end: shorten(bite) });
    this.#platform.settle(this.#platform.now() + PATIENCE);
    if (!this.#isStale) return;
    this.#save();
    this.#platform.settle(this.#platform.now() + PATIENCE);
  }

  noteWouldBe(bite: Bite): void {
    this.#change({ wouldBe: [...this.#record.wouldBe, shorten(bite)] });
  }

  /** Seconds since 1970, from which no setting of the clock takes or adds anything: ends would be forgotten, or last for ever. */
  #clock(): number {
    return Math.round(this.#epoch + this.#platform.now() / 1000);
  }

  #path(): string | undefined {
    const { directory } = this.#options;
    return directory === undefined ? undefined : `${directory}/${RECORD_FILE}`;
  }

  #change(changes: Partial<GuestRecord>): void {
    this.#record = { ...this.#record, ...changes };
    this.#save();
  }

  #save(): void {
    const path = this.#path();
    if (path === undefined || this.#isUnread) return;
    this.#isStale = this.#saving !== undefined && this.#saving.outcome === undefined;
    if (this.#isStale) return;
    this.#saving = this.#platform.startJob(["save", path, this.#text()], PATIENCE);
  }

  /** The record as text, without the oldest would-be ends where there are too many. */
  #text(): string {
    let text = JSON.stringify(this.#record);
    while (encode(text).length > MOST_TEXT && this.#record.wouldBe.length > 0) {
      this.#record = { ...this.#record, wouldBe: this.#record.wouldBe.slice(1) };
      text = JSON.stringify(this.#record);
    }
    return `${text}\n`;
  }
}

function fresh({ machine, boot }: RecordOptions): GuestRecord {
  return { machine, boot, armed: false, bites: [], end: null, lastEnd: "unknown", last: null, wouldBe: [] };
}

function shorten(bite: Bite): Bite {
  return { ...bite, check: bite.check.slice(0, MOST_REASON), reason: bite.reason.slice(0, MOST_REASON) };
}

/** What a file says; undefined where it is no record of ours, which a crash or a person's hand may leave. */
export function parseRecord(text: string): GuestRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { machine, boot, armed, bites, end, lastEnd, last, wouldBe } = value as Record<string, unknown>;
  if (typeof machine !== "string" || typeof boot !== "string") return undefined;
  const numbers = Array.isArray(bites) ? bites.filter((at) => typeof at === "number") : [];
  const list = Array.isArray(wouldBe) ? wouldBe.filter(isBite) : [];
  const one = (bite: unknown) => (isBite(bite) ? bite : null);
  return {
    machine,
    boot,
    armed: armed === true,
    bites: numbers,
    end: one(end),
    lastEnd: LAST_ENDS.find((known) => known === lastEnd) ?? "unknown",
    last: one(last),
    wouldBe: list,
  };
}

function isBite(value: unknown): value is Bite {
  if (typeof value !== "object" || value === null) return false;
  const { at, check, reason, end } = value as Record<string, unknown>;
  return typeof at === "number" && [check, reason, end].every((text) => typeof text === "string");
}
