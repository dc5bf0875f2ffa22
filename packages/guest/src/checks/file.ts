/**
 * A file that must be there, and change: watchdog(8)'s `file` and `change`.
 *
 * Its change is seen as a difference, and timed by a clock that never jumps: a wall clock set back or forth makes no file old. A
 * stat(2) waits for as long as its disk or server does: a hung one is trouble of its own. What was not well once since start is no
 * reset's business: a name that was mistyped would be a loop of resets.
 */
import { type Check, type CheckKind, endKey, neverWell, type Reading } from "../check.ts";
import type { End } from "../end.ts";
import { Freeze } from "../freeze.ts";
import { KILLED, type Platform, TIMED_OUT, UNBORN } from "../platform.ts";
import { RecurringJob } from "../recurring-job.ts";

/** watchdog(8)'s codes for a file that does not change, and for a look that does not end. */
const UNCHANGED = 250;
const NO_ANSWER = 247;

const ENOENT = 2;

/** From one look to the next. */
const PERIOD = 5000;

/** As watchdog(8)'s. */
const DEADLINE = 5000;

/** A longer time between two looks is nobody's to answer for: the file's writer did not run either. */
const GAP = PERIOD + 10_000;

interface FileLimits {
  /** Milliseconds in which it must change; undefined: it only has to be there. */
  readonly change: number | undefined;
  readonly hold: number;
  readonly hangHold: number;
  /** Whether it must be there though it was not seen there: a single look has no past. */
  readonly expected: boolean;
}

class FileCheck implements Check {
  readonly name: string;
  readonly end: End;
  readonly code = UNCHANGED;
  readonly #path: string;
  readonly #limits: FileLimits;
  readonly #freeze: Freeze;
  readonly #stat: RecurringJob;
  /** As text: all that counts is whether it is another. */
  #mtime: string | undefined;
  #changedAt = Number.NaN;
  #lookedAt = Number.NaN;
  #errno = 0;
  #hungSince: number | undefined;
  #wasThere: boolean;
  #hasChanged = false;

  constructor(path: string, limits: FileLimits, end: End, freeze: Freeze, platform: Platform) {
    this.name = `file:${path}`;
    this.end = end;
    this.#path = path;
    this.#limits = limits;
    this.#wasThere = limits.expected;
    this.#freeze = freeze;
    this.#stat = new RecurringJob(platform, ["mtime", path], DEADLINE);
  }

  get period(): number {
    return this.#stat.isOut ? 0 : PERIOD;
  }

  read(now: number): Reading {
    // Nobody writes to what a backup has frozen.
    if (this.#freeze.excuses(now) || now - this.#lookedAt > GAP) this.#changedAt += now - this.#lookedAt;
    this.#lookedAt = now;
    const outcome = this.#stat.take();
    if (outcome === undefined) this.#stat.startWhenDue(now, 0);
    else if (outcome.status === 0) this.#takeTime(outcome.output, now);
    else if (outcome.status === TIMED_OUT) this.#hungSince ??= this.#stat.startedAt;
    // No process could be made, or it was killed: that says nothing of the file.
    else if (outcome.status !== UNBORN && outcome.status !== KILLED) {
      this.#errno = outcome.status;
      this.#hungSince = undefined;
    }
    const unchanged = now - this.#changedAt;
    return { readings: { unchanged_s: Math.round(unchanged / 1000) }, ...this.#judge(now, unchanged) };
  }

  #takeTime(mtime: string, now: number): void {
    this.#errno = 0;
    this.#hungSince = undefined;
    this.#wasThere = true;
    if (mtime === this.#mtime) return;
    this.#hasChanged = this.#mtime !== undefined;
    this.#mtime = mtime;
    this.#changedAt = now;
  }

  #judge(now: number, unchanged: number): Omit<Reading, "readings"> {
    const { change, hold, hangHold } = this.#limits;
    if (this.#hungSince !== undefined) {
      const seconds = Math.round((now - this.#hungSince) / 1000);
      const reason = `a look at ${this.#path} hangs for ${seconds} s`;
      return this.#ended(this.#wasThere, { reason, hold: hangHold, since: this.#hungSince, code: NO_ANSWER });
    }
    if (this.#errno !== 0) {
      const what = this.#errno === ENOENT ? "there is no such file" : `errno ${this.#errno}`;
      return this.#ended(this.#wasThere, { reason: `${this.#path}: ${what}`, hold, code: this.#errno });
    }
    if (change === undefined || !(unchanged > change)) return { reason: "" };
    const [seconds, limit] = [Math.round(unchanged / 1000), change / 1000];
    const reason = `${this.#path} has not changed for ${seconds} s (change = ${limit})`;
    return this.#ended(this.#hasChanged, { reason, hold, since: this.#changedAt + change });
  }

  #ended(wasWell: boolean, judgement: Omit<Reading, "readings">): Omit<Reading, "readings"> {
    return wasWell ? judgement : { ...judgement, ...neverWell(judgement.reason, "not well") };
  }
}

export const file: CheckKind = {
  keys: [
    {
      name: "file",
      type: "paths",
      most: 32,
      fallback: [],
      help: "file that must be there; one line each, and below it its change",
    },
    {
      name: "change",
      type: "attribute",
      of: "file",
      unit: "seconds",
      whole: true,
      min: 0,
      max: 31_536_000,
      help: "the file above must change within this time; 0: it only has to be there",
    },
    endKey("file", "reboot"),
  ],
  create({ settings, platform, use }) {
    const hold = settings.number("retry-timeout") * 1000;
    const hangHold = settings.number("hang-hold") * 1000;
    const freeze = new Freeze(settings, platform);
    return settings.paths("file").map((path) => {
      const seconds = settings.attribute("change", path);
      const change = seconds ? seconds * 1000 : undefined;
      const limits = { change, hold, hangHold, expected: use === "once" };
      return new FileCheck(path, limits, settings.end("file"), freeze, platform);
    });
  },
};
