/**
 * Tells in a few lines how far an apt-get is, from what it prints with {@link STATUS_OPTIONS}:
 *
 *   Need to get 37.2 MB of archives.
 *   dlstatus:12:34.0521:Retrieving file 12 of 61 (21s remaining)
 *   pmstatus:libfdt1:8.2474:Unpacking libfdt1 (amd64)
 *
 * Reference: README.progress-reporting in apt's sources.
 */
import type { Say } from "./cached.ts";

/** Makes apt-get print its status among its other lines. A descriptor of its own would not pass through sudo. */
export const STATUS_OPTIONS: readonly string[] = ["-o", "APT::Status-Fd=1"];

/** Milliseconds without a word for which nobody worries; what is done sooner needs no progress. */
const QUIET_MS = 5000;

/** Percent between two lines of the same kind, at least: ten of each, at most. */
const STEP_PERCENT = 10;

const DOING = { dl: "downloading", pm: "installing" } as const;

export class AptProgress {
  readonly #say: Say;
  readonly #told = { dl: 0, pm: 0 };
  #toldMs: number;

  constructor(say: Say, startMs: number) {
    this.#say = say;
    this.#toldMs = startMs;
  }

  /** Takes one line that apt-get has printed. */
  take(line: string, atMs: number): void {
    const size = /^Need to get ([\d.,]+ [kMG]B)/.exec(line)?.[1];
    if (size !== undefined) this.#tell(`downloading ${size}`, atMs);
    const [, kind, percent] = /^(dl|pm)status:[^:]*:(\d+)/.exec(line) ?? [];
    if (kind !== "dl" && kind !== "pm") return;
    const step = Math.floor(Number(percent) / STEP_PERCENT) * STEP_PERCENT;
    if (step <= this.#told[kind] || step >= 100 || atMs - this.#toldMs < QUIET_MS) return;
    this.#told[kind] = step;
    this.#tell(`${DOING[kind]}: ${step} %`, atMs);
  }

  #tell(what: string, atMs: number): void {
    this.#toldMs = atMs;
    this.#say(what);
  }
}
