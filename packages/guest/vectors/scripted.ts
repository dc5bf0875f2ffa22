/** A system whose time, files and probes are scripted, and which writes down what is done to it. */
import { encode } from "../src/bytes.ts";
import {
  type Datagram,
  type Device,
  type Inbox,
  type Job,
  type JobOutcome,
  type KernelLog,
  type Ping,
  type Platform,
  type Probe,
  type ProbeAnswer,
  type RunningJob,
  TIMED_OUT,
} from "../src/platform.ts";

/** What changes in the guest at a time. */
export interface Change {
  /** Seconds since start. */
  readonly at: number;
  /** Files as they read from now on; undefined: gone. */
  readonly files?: Readonly<Record<string, string | undefined>>;
  /** What probes answer from now on; `hang`: nothing; `unborn`: there is no child, and none can be forked. */
  readonly probe?: ProbeAnswer | "hang" | "unborn";
  /** How jobs end from now on, by their fields joined with spaces; `hang`: not at all. Others end well, and say nothing. */
  readonly jobs?: Readonly<Record<string, JobOutcome | "hang">>;
  /** What addresses do with requests from now on, by their bytes joined with dots; a negative errno: they cannot be sent. Others answer. */
  readonly pings?: Readonly<Record<string, "answers" | "silent" | number>>;
  /** Records that the kernel's log gets; null: some that were overwritten before anybody read them. */
  readonly kernelLog?: readonly (string | null)[];
  /** By how many seconds somebody sets the wall clock. */
  readonly clock?: number;
  /** Where a hanging probe sleeps. */
  readonly asleep?: string;
  /** What programs send at that time. */
  readonly datagrams?: readonly { readonly uid: number; readonly pid: number; readonly text: string }[];
  /** Whether somebody removed the sockets for it, until they are looked after; and why they cannot be made from now on. */
  readonly socketsGone?: true;
  readonly socketProblem?: string;
}

export const OK: ProbeAnswer = { step: "remove", errno: 0 };

export class ScriptedPlatform implements Platform {
  readonly heard: string[] = [];
  #now = 0;
  readonly #files = new Map<string, string | undefined>();
  #behaviour: ProbeAnswer | "hang" | "unborn" = OK;
  #asleep = "";
  /** Seconds since 1970 at start. */
  #clock = 1_000_000_000;
  readonly #probes: ScriptedProbe[] = [];
  readonly #addresses = new Map<string, "answers" | "silent" | number>();
  readonly #inboxes: { readonly uid: number; readonly take: (datagram: Datagram) => boolean }[] = [];
  #socketsGone = false;
  #socketProblem = "";
  /** How often a datagram called for an early round. */
  earlyCalls = 0;
  readonly #outcomes = new Map<string, JobOutcome | "hang">();
  readonly #jobs: { what: string; deadline: number; outcome: JobOutcome | undefined }[] = [];

  #records: (string | null)[] = [];

  constructor(files: Readonly<Record<string, string>>) {
    for (const [path, text] of Object.entries(files)) this.#files.set(path, text);
  }

  advance(seconds: number): void {
    this.#now = seconds * 1000;
  }

  change(change: Change): void {
    for (const [path, text] of Object.entries(change.files ?? {})) this.#files.set(path, text);
    this.#behaviour = change.probe ?? this.#behaviour;
    this.#clock += change.clock ?? 0;
    this.#asleep = change.asleep ?? this.#asleep;
    for (const [address, behaviour] of Object.entries(change.pings ?? {})) this.#addresses.set(address, behaviour);
    for (const record of change.kernelLog ?? []) this.#records.push(record);
    for (const [job, outcome] of Object.entries(change.jobs ?? {})) this.#outcomes.set(job, outcome);
    this.#socketsGone ||= change.socketsGone ?? false;
    this.#socketProblem = change.socketProblem ?? this.#socketProblem;
    for (const { uid, pid, text } of change.datagrams ?? []) {
      if (this.#socketsGone || this.#socketProblem !== "") continue;
      for (const { take } of this.#inboxes) if (take({ uid, pid, bytes: encode(text) })) this.earlyCalls += 1;
    }
  }

  /** Lets the children answer, as they do between two rounds. */
  runChildren(): void {
    for (const probe of this.#probes) probe.run(this.#behaviour);
    for (const job of this.#jobs.splice(0)) {
      const outcome = this.#outcomes.get(job.what) ?? { status: 0, output: "" };
      if (outcome !== "hang") job.outcome = outcome;
      else if (this.#now >= job.deadline) job.outcome = { status: TIMED_OUT, output: "" };
      else this.#jobs.push(job);
    }
  }

  startJob(job: Job, deadline: number): RunningJob {
    const running = { what: job.join(" "), deadline: this.#now + deadline, outcome: undefined };
    this.#jobs.push(running);
    if (job[0] === "exec") this.note(`runs ${job.slice(2).join(" ")}`);
    if (job[0] === "thaw") this.note(running.what);
    return running;
  }

  settle(): void {
    this.runChildren();
  }

  wallClock(): number {
    return this.#clock + this.#now / 1000;
  }

  endGuest(end: string): void {
    this.note(`guest ends by ${end}`);
  }

  openPing(address: Uint8Array): Ping | number {
    const behaviour = () => this.#addresses.get(address.join(".")) ?? "answers";
    const now = behaviour();
    if (typeof now === "number") return now;
    let asked = false;
    return {
      send() {
        asked = true;
        const result = behaviour();
        return typeof result === "number" ? result : 0;
      },
      isAnswered() {
        const answered = asked && behaviour() === "answers";
        asked = false;
        return answered;
      },
      close() {},
    };
  }

  programsIn(folder: string): readonly string[] {
    return this.#files.get(folder)?.split(" ") ?? [];
  }

  wakeOnMemoryStall(): void {}

  kernelLog(): KernelLog {
    return {
      next: () => {
        const record = this.#records.shift();
        if (record === undefined) return undefined;
        return record === null ? "lost" : encode(record);
      },
      skip: () => {
        this.note(`passed over ${this.#records.splice(0).length} records`);
      },
    };
  }

  now(): number {
    return this.#now;
  }

  protected textOf(path: string): string | undefined {
    return this.#files.get(path);
  }

  readFile(path: string): Uint8Array | undefined {
    const text = this.textOf(path);
    return text === undefined ? undefined : encode(text);
  }

  reader(path: string): () => Uint8Array | undefined {
    return () => this.readFile(path);
  }

  readChunks(path: string, take: (chunk: Uint8Array) => boolean): boolean {
    const bytes = this.readFile(path);
    if (bytes !== undefined) take(bytes);
    return bytes !== undefined;
  }

  listFolder(path: string): string[] {
    const within = [...this.#files].filter(([file, text]) => text !== undefined && file.startsWith(`${path}/`));
    return [...new Set(within.map(([file]) => file.slice(path.length + 1).split("/")[0] as string))];
  }

  readLink(path: string): string | undefined {
    return this.#files.get(path);
  }

  openInbox(uid: number, take: (datagram: Datagram) => boolean): Inbox {
    this.#inboxes.push({ uid, take });
    const problem = () => this.#socketProblem;
    return {
      get problem() {
        return problem();
      },
      settle: () => {
        const wasThere = !this.#socketsGone && problem() === "";
        this.#socketsGone = false;
        return wasThere;
      },
    };
  }

  startProbe(): Probe {
    const probe = new ScriptedProbe(
      this,
      () => this.#asleep,
      () => this.#behaviour !== "unborn",
    );
    this.#probes.push(probe);
    return probe;
  }

  /** Only what has no other way to show; the rest is on the channel too. */
  log(line: string): void {
    const telling = [
      "warning",
      "refuses to be fed",
      ": unmounted",
      ": mounted anew",
      "would end",
      "repair of",
      "shuts down",
      "muted",
      "storage is down",
      "can be read",
    ];
    if (telling.some((part) => line.includes(part))) this.note(`log: ${line}`);
  }

  send(line: string): boolean {
    const message = JSON.parse(line);
    const verdicts = (message.checks ?? []).map(
      (check: { name?: string; verdict?: string }) => `${check.name} ${check.verdict}`,
    );
    if (message.type === "last-words") {
      const end = message.acts ? message.end : `would ${message.end}`;
      this.note(`last words: ${message.check}: ${message.reason}; ${end}`);
    } else if (message.type === "beat") this.note(`beat ${message.seq}: ${verdicts.join(", ")}`);
    else this.note(message.type);
    return true;
  }

  note(what: string): void {
    this.heard.push(`${this.#now / 1000}: ${what}`);
  }
}

class ScriptedProbe implements Probe {
  askedAt: number | undefined;
  #answer: ProbeAnswer | undefined;
  readonly #platform: ScriptedPlatform;
  readonly sleepingIn: () => string;
  readonly #born: () => boolean;

  constructor(platform: ScriptedPlatform, sleepingIn: () => string, born: () => boolean) {
    this.#platform = platform;
    this.sleepingIn = sleepingIn;
    this.#born = born;
  }

  ask(): boolean {
    if (this.#born()) this.askedAt = this.#platform.now();
    return this.#born();
  }

  take(): ProbeAnswer | undefined {
    const answer = this.#answer;
    this.#answer = undefined;
    return answer;
  }

  record(lastWords: string): void {
    this.#platform.note(`to disk: ${lastWords.trim()}`);
  }

  run(behaviour: ProbeAnswer | "hang" | "unborn"): void {
    if (this.askedAt === undefined || typeof behaviour === "string") return;
    this.#answer = behaviour;
    this.askedAt = undefined;
  }
}

/** A device that takes every feed and writes down only what is rare. */
export function scriptedDevice(
  platform: ScriptedPlatform,
  shortest: number,
  longest: number,
  feedResult: number,
  pretimeout: number,
): Device & { feeds: number; dead: boolean } {
  return {
    feeds: 0,
    dead: false,
    identity: "scripted",
    unstoppable: false,
    feed() {
      this.feeds += 1;
      return feedResult;
    },
    timeout: () => 10,
    setTimeout(seconds) {
      platform.note(`timeout ${seconds} s asked`);
      return seconds < shortest || seconds > longest ? -22 : seconds;
    },
    isArmed() {
      return !this.dead;
    },
    firedBefore: () => false,
    setPretimeout: () => 0,
    pretimeout,
    rearm(seconds) {
      platform.note(`armed anew, ${seconds} s`);
      this.dead = false;
      return seconds;
    },
    disarm() {
      platform.note("disarmed");
    },
  };
}
