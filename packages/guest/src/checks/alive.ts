/**
 * A process that must live: by its pid file (watchdog(8)'s `pidfile`), by its name, or a unit of systemd's by its cgroup.
 *
 * What restarts services gets its time: `retry-timeout`. What has not lived once since start is no reset's business: a pid file that
 * was mistyped is a loop of resets with watchdog(8). A process whose pid file was removed (an upgrade) lives on; an id that was given
 * to another process is told by when that one started; a zombie is dead.
 */
import { decode, encode, numberBehind } from "../bytes.ts";
import { type Check, type CheckKind, endKey, neverWell, type Reading } from "../check.ts";
import type { End } from "../end.ts";
import { type ProcessStatus, parseProcess } from "../kernel/process-status.ts";
import { KILLED, type Platform, TIMED_OUT, UNBORN } from "../platform.ts";
import { RecurringJob } from "../recurring-job.ts";

const ESRCH = 3;

/** Milliseconds from one look to the next. */
const PERIOD = 5000;

/** Milliseconds that a job may take which reads a pid file, or looks through all processes. */
const DEADLINE = 5000;

/** What is in memory, so that reading it cannot hang. */
const IN_MEMORY = ["/run/", "/proc/", "/dev/shm/"];

/** Longest name of a process that the kernel keeps, in bytes. */
const LONGEST_NAME = 15;

const MOST = 32;

/** How a process is found; nothing is known until it has been looked for once. */
interface Finder {
  /** It waits for a job's outcome. */
  readonly isBusy: boolean;
  /** Whether it lives, and what is said when it does not. */
  look(now: number): { readonly alive: boolean; readonly missing: string } | undefined;
}

interface AliveLimits {
  /** Milliseconds. */
  readonly hold: number;
  /** Whether it must live though it was not seen alive: a single look has no past. */
  readonly expected: boolean;
}

class AliveCheck implements Check {
  readonly name: string;
  readonly end: End;
  readonly code = ESRCH;
  readonly #hold: number;
  readonly #finder: Finder;
  #hasLived: boolean;

  constructor(name: string, finder: Finder, limits: AliveLimits, end: End) {
    this.name = name;
    this.end = end;
    this.#hold = limits.hold;
    this.#hasLived = limits.expected;
    this.#finder = finder;
  }

  get period(): number {
    return this.#finder.isBusy ? 0 : PERIOD;
  }

  read(now: number): Reading {
    const found = this.#finder.look(now);
    if (found === undefined) return { reason: "", readings: {} };
    const readings = { alive: Number(found.alive) };
    this.#hasLived ||= found.alive;
    if (found.alive) return { reason: "", readings };
    const trouble = { reason: found.missing, readings, hold: this.#hold };
    return this.#hasLived ? trouble : { ...trouble, ...neverWell(found.missing, "not alive") };
  }
}

/** A process as it was seen alive. */
interface Known {
  readonly pid: number;
  readonly status: ProcessStatus;
}

function look(platform: Platform, pid: number): ProcessStatus | undefined {
  const bytes = platform.readFile(`/proc/${pid}/stat`);
  return bytes === undefined ? undefined : parseProcess(bytes);
}

/** Whether it is still the same, and alive. */
function lives(platform: Platform, known: Known | undefined): boolean {
  if (known === undefined) return false;
  const status = look(platform, known.pid);
  return status?.alive === true && status.startedAt === known.status.startedAt;
}

class PidFile implements Finder {
  readonly #path: string;
  readonly #platform: Platform;
  /** Undefined where the file is in memory. */
  readonly #load: RecurringJob | undefined;
  /** What was in it; undefined before the first look, empty where it could not be read. */
  #text: string | undefined;
  #known: Known | undefined;

  constructor(path: string, platform: Platform) {
    this.#path = path;
    this.#platform = platform;
    const inMemory = IN_MEMORY.some((folder) => path.startsWith(folder));
    this.#load = inMemory ? undefined : new RecurringJob(platform, ["load", path], DEADLINE);
  }

  get isBusy(): boolean {
    return this.#load?.isOut ?? false;
  }

  look(now: number): ReturnType<Finder["look"]> {
    this.#read(now);
    if (this.#text === undefined) return undefined;
    const pid = parsePid(this.#text);
    const status = pid === undefined ? undefined : look(this.#platform, pid);
    if (pid !== undefined && status?.alive && this.#isIts(pid, status)) {
      this.#known = { pid, status };
      return { alive: true, missing: "" };
    }
    return { alive: lives(this.#platform, this.#known), missing: this.#explain(pid) };
  }

  #read(now: number): void {
    if (this.#load === undefined) {
      const bytes = this.#platform.readFile(this.#path);
      this.#text = bytes === undefined ? "" : decode(bytes);
      return;
    }
    const outcome = this.#load.take();
    if (outcome === undefined) this.#load.startWhenDue(now, 0);
    else if (outcome.status === 0) this.#text = outcome.output;
    // A disk that hangs, or a full process table, says nothing of the process.
    else if (![TIMED_OUT, KILLED, UNBORN].includes(outcome.status)) this.#text = "";
  }

  /** The id of a dead process may have been given to another; one with the same name is taken for it, started anew. */
  #isIts(pid: number, status: ProcessStatus): boolean {
    const before = this.#known;
    if (before === undefined || before.pid !== pid) return true;
    return before.status.startedAt === status.startedAt || before.status.name === status.name;
  }

  #explain(pid: number | undefined): string {
    if (this.#text === "") return `${this.#path} cannot be read`;
    if (pid === undefined) return `${this.#path} names no process`;
    const name = this.#known?.pid === pid ? `${this.#known.status.name}, ` : "";
    return `${name}process ${pid} of ${this.#path}, is dead`;
  }
}

/** `812\n`, with or without anything behind it; undefined where it is no process's id. */
function parsePid(text: string): number | undefined {
  const [word = ""] = text.trim().split("\n");
  const pid = word === "" ? Number.NaN : Number(word);
  return pid > 0 && pid % 1 === 0 && pid < 2 ** 31 ? pid : undefined;
}

class ProcessName implements Finder {
  readonly #name: string;
  readonly #platform: Platform;
  readonly #search: RecurringJob;
  #known: Known | undefined;
  #searched = false;

  constructor(name: string, platform: Platform) {
    this.#name = name;
    this.#platform = platform;
    const known = decode(encode(name).subarray(0, LONGEST_NAME));
    this.#search = new RecurringJob(platform, ["oldest", known], DEADLINE);
  }

  get isBusy(): boolean {
    return this.#search.isOut;
  }

  /** One read of /proc as long as the one that was found lives; all processes are looked through only when it does not. */
  look(now: number): ReturnType<Finder["look"]> {
    const missing = `no process is called ${this.#name}`;
    if (lives(this.#platform, this.#known)) return { alive: true, missing };
    const outcome = this.#search.take();
    if (outcome === undefined) this.#search.startWhenDue(now, 0);
    else if (outcome.status === 0) {
      const pid = Number(outcome.output);
      const status = look(this.#platform, pid);
      this.#known = status?.alive ? { pid, status } : undefined;
      this.#searched = true;
    } else if (outcome.status === ESRCH) {
      this.#known = undefined;
      this.#searched = true;
    }
    // Where the search has not ended, the last one counts.
    return this.#searched ? { alive: this.#known !== undefined, missing } : undefined;
  }
}

const POPULATED = encode("populated ");

class Unit implements Finder {
  readonly isBusy = false;
  readonly #name: string;
  readonly #platform: Platform;
  /** cgroup v2, and beside v1: whether anything lives in it or below. */
  readonly #events: readonly string[];
  /** v1: the processes in it. */
  readonly #members: string;

  constructor(name: string, platform: Platform) {
    this.#name = name;
    this.#platform = platform;
    const path = cgroupOf(name);
    this.#events = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map((root) => `${root}/${path}/cgroup.events`);
    this.#members = `/sys/fs/cgroup/systemd/${path}/cgroup.procs`;
  }

  look(): ReturnType<Finder["look"]> {
    return { alive: this.#isPopulated(), missing: `no process of ${this.#name} is left` };
  }

  #isPopulated(): boolean {
    for (const path of this.#events) {
      const events = this.#platform.readFile(path);
      if (events !== undefined) return numberBehind(events, POPULATED) === 1;
    }
    return (this.#platform.readFile(this.#members)?.length ?? 0) > 0;
  }
}

/**
 *   sshd.service             -> system.slice/sshd.service
 *   my-app@7.service         -> system.slice/system-my\x2dapp.slice/my-app@7.service
 *   user.slice/some.service  -> itself
 */
function cgroupOf(unit: string): string {
  if (unit.includes("/")) return unit;
  const at = unit.indexOf("@");
  const slice = at === -1 ? "" : `system-${unit.slice(0, at).replaceAll("-", "\\x2d")}.slice/`;
  return `system.slice/${slice}${unit}`;
}

export const alive: CheckKind = {
  keys: [
    {
      name: "pidfile",
      type: "paths",
      most: MOST,
      fallback: [],
      help: "file with the id of a process that must live; one line each",
    },
    {
      name: "process",
      type: "texts",
      form: "NAME",
      most: MOST,
      problemWith: (name) =>
        name === "" || name.startsWith("/") ? "no process's name; see 'ps -e -o comm'" : undefined,
      help: "name of a process of which one must live; one line each",
    },
    {
      name: "unit",
      type: "texts",
      form: "NAME.service",
      most: MOST,
      problemWith: (name) =>
        !name.includes(".") || name.includes("..") || name.startsWith("/")
          ? "neither a unit with its ending (sshd.service) nor a cgroup's path (user.slice/some.service)"
          : undefined,
      help: "unit of systemd's that must have a process; one outside of system.slice by its cgroup's path; one line each",
    },
    { ...endKey("process", "reboot"), help: "what follows when a pidfile, process or unit has failed" },
  ],
  create({ settings, platform, use }) {
    const limits = { hold: settings.number("retry-timeout") * 1000, expected: use === "once" };
    const end = settings.end("process");
    return [
      ...settings
        .paths("pidfile")
        .map((path) => new AliveCheck(`pidfile:${path}`, new PidFile(path, platform), limits, end)),
      ...settings
        .texts("process")
        .map((name) => new AliveCheck(`process:${name}`, new ProcessName(name, platform), limits, end)),
      ...settings.texts("unit").map((name) => new AliveCheck(`unit:${name}`, new Unit(name, platform), limits, end)),
    ];
  },
};
