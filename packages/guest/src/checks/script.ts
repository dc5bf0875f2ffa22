/**
 * Programs of the operator's that test what only they know, as watchdog(8) runs them: `test-binary` without arguments (V0), and each
 * program in `test-directory` as `PROGRAM test` (V1). One run of each is out at a time; its result is taken in a later round, and the
 * next run starts then. Exit code 0 is well, below 245 an errno, from 245 on a word of its own (watchdog(8), "CHECK BINARY").
 */
import { type Check, type CheckKind, type Context, endKey, type Reading } from "../check.ts";
import type { End } from "../end.ts";
import { Freeze } from "../freeze.ts";
import { logFor, NO_LIMIT } from "../operators-program.ts";
import { type JobOutcome, KILLED, NOT_RUN, type Platform, TIMED_OUT, UNBORN } from "../platform.ts";
import { RecurringJob } from "../recurring-job.ts";

/** watchdog(8)'s codes. */
const REBOOT = 255;
const RESET = 254;
const TOO_HOT = 252;
const WAS_KILLED = 248;
const TOO_LONG = 247;
const UNKNOWN = 245;

/** How a program ends that writes without end: by this signal, or as a shell whose command did. */
const SIGXFSZ = 25;
const IN_A_SHELL = 128;

/** EPERM, ENOENT, ENOEXEC, EACCES, ENOTDIR, ETXTBSY: the program is missing or none, which an upgrade may bring about and no reset cures. */
const ABSENT = [1, 2, 8, 13, 20, 26];

/** Programs in all: each is a process that runs all the time. */
const MOST = 16;

interface ScriptOptions {
  readonly end: End;
  /** Milliseconds. */
  readonly hold: number;
  /** Milliseconds. */
  readonly timeout: number;
  /** Seconds between two runs; 0: the next starts as soon as one has ended. */
  readonly again: number;
  readonly log: string;
  readonly freeze: Freeze;
}

class ScriptCheck implements Check {
  readonly name: string;
  readonly end: End;
  readonly code = UNKNOWN;
  readonly limit: string;
  readonly repairProgram?: string;
  readonly #path: string;
  readonly #options: ScriptOptions;
  readonly #job: RecurringJob;
  #reading: Reading = { reason: "", readings: {} };

  constructor(path: string, isTwoWay: boolean, options: ScriptOptions, platform: Platform) {
    this.name = `script:${path}`;
    this.end = options.end;
    this.limit = `exit code 0 within ${options.timeout / 1000} s`;
    if (isTwoWay) this.repairProgram = path;
    this.#path = path;
    this.#options = options;
    const command = isTwoWay ? [path, "test"] : [path];
    this.#job = new RecurringJob(platform, ["test", options.log, ...command], options.timeout);
  }

  read(now: number): Reading {
    const outcome = this.#job.take();
    if (outcome !== undefined) this.#reading = this.#judge(outcome, now) ?? this.#reading;
    this.#job.startWhenDue(now, this.#options.again);
    return this.#reading;
  }

  /** Undefined where the run says nothing: then what was known before stays so. */
  #judge({ status, output }: JobOutcome, now: number): Reading | undefined {
    const errno = Number(output);
    switch (status) {
      case 0:
        return { reason: "", readings: { exit_code: 0 } };
      case UNKNOWN:
        return undefined;
      case UNBORN:
        return this.#fail(errno, `cannot be started (errno ${errno})`, "alarm"); // the checks of processes and memory know more
      case NOT_RUN:
        return this.#fail(errno, `cannot be run (errno ${errno})`, ABSENT.includes(errno) ? "alarm" : this.end);
      case TIMED_OUT: {
        const frozen = output.startsWith("percpu_rwsem") || this.#options.freeze.excuses(now);
        return frozen ? undefined : this.#fail(TOO_LONG, `has not ended within ${this.#options.timeout / 1000} s`);
      }
      case KILLED:
        if (errno === SIGXFSZ) return this.#flood();
        return this.#fail(WAS_KILLED, `was killed by signal ${output}`);
      case IN_A_SHELL + SIGXFSZ:
        return this.#flood();
      case REBOOT:
        return this.#fail(status, "orders a reboot", "reboot", 0);
      case RESET:
        return this.#fail(status, "orders a reset", "starve", 0);
      case TOO_HOT:
        return this.#fail(status, "finds it too hot", "poweroff", 0);
      default:
        return this.#fail(status, `failed with exit code ${status}`);
    }
  }

  /** A flood is the program's own defect, which the next boot brings back. */
  #flood(): Reading {
    return this.#fail(WAS_KILLED, "was killed for writing without end", "alarm");
  }

  /** @param end where it is not the check's; an operator who wants alarms only gets no more than that */
  #fail(code: number, what: string, end = this.end, hold = this.#options.hold): Reading {
    const reason = `${this.#path} ${what}`;
    return { reason, readings: { exit_code: code }, code, hold, end: this.end === "alarm" ? "alarm" : end };
  }
}

export const script: CheckKind = {
  keys: [
    {
      name: "test-binary",
      type: "paths",
      program: true,
      most: MOST,
      fallback: [],
      help: "program that exits with 0 while all is well; one line each",
    },
    {
      name: "test-directory",
      type: "path",
      fallback: "/etc/watchdog.d",
      help: "every program in it, at start, is run as 'PROGRAM test', and as 'PROGRAM repair CODE PROGRAM' where that fails",
    },
    {
      name: "test-timeout",
      type: "number",
      unit: "seconds",
      min: 0,
      max: 86400,
      fallback: 60,
      help: "a test that takes longer is ended, and has failed; 0: an hour",
    },
    endKey("script", "reboot"),
  ],
  create({ settings, platform, use }: Context) {
    const folder = settings.path("test-directory");
    const tests = settings.paths("test-binary");
    const twoWay = (folder === "none" ? [] : platform.programsIn(folder)).filter((path) => !tests.includes(path));
    const left = twoWay.slice(MOST - tests.length);
    if (left.length > 0) platform.log(`warning: more than ${MOST} test programs; not run: ${left.join(" ")}`, true);
    const options = {
      end: settings.end("script"),
      hold: settings.number("retry-timeout") * 1000,
      timeout: (settings.number("test-timeout") || NO_LIMIT) * 1000,
      freeze: new Freeze(settings, platform),
      again: use === "once" ? Number.POSITIVE_INFINITY : 0,
    };
    const make = (path: string, isTwoWay: boolean) =>
      new ScriptCheck(path, isTwoWay, { ...options, log: logFor(settings, path) }, platform);
    return [
      ...tests.map((path) => make(path, false)),
      ...twoWay.slice(0, MOST - tests.length).map((path) => make(path, true)),
    ];
  },
};
