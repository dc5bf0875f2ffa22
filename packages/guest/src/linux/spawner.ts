/**
 * The spawner: a child, forked at start, that has jobs done by processes of its own, so that the daemon never forks while it feeds.
 * The child's side first, then the daemon's.
 *
 * A frame on its pipes is two bytes of length (little-endian), then text fields, each ended by a zero byte. A request is
 * id, deadline in ms, name, arguments; an answer is id, status, output. None is longer than PIPE_BUF, so none is torn.
 */
import { decode, encode, joined } from "../bytes.ts";
import { type Job, type JobOutcome, KILLED, NOT_RUN, type RunningJob, TIMED_OUT, UNBORN } from "../platform.ts";
import * as abi from "./abi.ts";
import { Child, type Household, sleepingIn } from "./child.ts";
import { tasks } from "./jobs/index.ts";
import * as system from "./system.ts";

const PIPE_BUF = 4096;
const MOST_OUTPUT = 4000;

/**
 * Processes at a time, those that a dead disk keeps included: more than the checks of any configuration have out (their keys' `most`),
 * so that what hangs in one keeps no other from looking.
 */
const MOST_JOBS = 256;

/** Milliseconds without an outcome after which the spawner may have been stopped: sooner than any check takes that for its own trouble. */
const SILENT = 5000;

/** Milliseconds past its deadline after which an outcome will not come any more: a full pipe has lost it. */
const LOST = 60_000;

/**
 * What a test may write to a file, its log included: a flood ends it (SIGXFSZ). A repair has no such bound: the service that it starts
 * would inherit it.
 */
const MOST_WRITTEN = 16 * 1024 * 1024;

function frame(fields: readonly string[]): Uint8Array {
  const text = encode(fields.map((field) => `${field.replaceAll("\0", "")}\0`).join(""));
  return joined(new Uint8Array([text.length & 255, text.length >> 8]), text);
}

function answerFrame(id: string, { status, output }: JobOutcome): Uint8Array {
  return frame([id, String(status), decode(encode(output).subarray(0, MOST_OUTPUT))]);
}

/** Puts frames together again from what a pipe hands out. */
class Frames {
  #rest = new Uint8Array(0);

  take(bytes: Uint8Array): string[][] {
    const all = joined(this.#rest, bytes);
    const frames: string[][] = [];
    let at = 0;
    while (at + 2 <= all.length) {
      const end = at + 2 + (all[at] as number) + 256 * (all[at + 1] as number);
      if (end > all.length) break;
      frames.push(
        decode(all.subarray(at + 2, end))
          .split("\0")
          .slice(0, -1),
      );
      at = end;
    }
    this.#rest = all.slice(at);
    return frames;
  }
}

interface Running {
  readonly id: string;
  readonly pid: number;
  /** Its request, or what of it makes a second one the same. */
  readonly what: string;
  readonly deadline: number;
  /** It has been killed, and is kept by the kernel. */
  late: boolean;
}

/** The child: reads requests until the daemon is gone. */
function serve(questions: number, answers: number): never {
  const ended = prepare();
  const frames = new Frames();
  const running = new Map<number, Running>();
  const answer = (id: string, outcome: JobOutcome) => system.write(answers, answerFrame(id, outcome));
  for (;;) {
    const next = Math.min(...[...running.values()].filter((job) => !job.late).map((job) => job.deadline));
    const left = next === Infinity ? -1 : Math.max(0, next - now());
    const ready = system.poll(
      [questions, ended].map((fd) => ({ fd, events: abi.POLLIN })),
      left,
    );
    if (ready.includes(0)) {
      const bytes = system.readFrom(questions, PIPE_BUF);
      if (bytes !== -abi.EAGAIN && (typeof bytes === "number" || bytes.length === 0)) system.exit(0);
      for (const request of typeof bytes === "number" ? [] : frames.take(bytes)) {
        const started = start(request, running, [questions, ended], answers);
        if (!("pid" in started)) answer(request[0] as string, started);
        else running.set(started.pid, started);
      }
    }
    if (ready.includes(1)) {
      system.readFrom(ended, PIPE_BUF);
      for (let child = system.reap(); child !== undefined; child = system.reap()) {
        const job = running.get(child.pid);
        running.delete(child.pid);
        if (job === undefined || job.late) continue;
        if (job.what.startsWith("test\0")) system.kill(-child.pid, abi.SIGKILL);
        const signal = child.status & 127;
        if (signal !== 0) answer(job.id, { status: KILLED, output: String(signal) });
        else if (isProgram(job.what)) answer(job.id, { status: (child.status >> 8) & 255, output: "" });
        // A built-in one has answered by itself, unless it met a defect: then nobody must wait for it. A second answer is not heard.
        else if (child.status !== 0) answer(job.id, { status: KILLED, output: "" });
      }
    }
    for (const job of running.values()) {
      if (job.late || now() < job.deadline) continue;
      const output = sleepingIn(job.pid);
      system.kill(-job.pid, abi.SIGKILL);
      system.kill(job.pid, abi.SIGKILL);
      job.late = true;
      answer(job.id, { status: TIMED_OUT, output });
    }
  }
}

/** Whether a job is another program: then its exit code is the answer. */
function isProgram(what: string): boolean {
  return what.startsWith("exec\0") || what.startsWith("test\0");
}

/** Its children must be waited for, which the daemon does not do with its own. Returns where their ends are announced. */
function prepare(): number {
  system.restoreSignal(abi.SIGCHLD);
  system.maskSignals(abi.SIG_BLOCK, [abi.SIGCHLD]);
  return system.signalDescriptor([abi.SIGCHLD], abi.O_NONBLOCK);
}

function start(
  [id = "", deadline = "", ...job]: readonly string[],
  running: ReadonlyMap<number, Running>,
  toClose: readonly number[],
  answers: number,
): Running | JobOutcome {
  // Of a file that is saved, the path alone: what is written there is another each time.
  const what = `${(job[0] === "save" ? job.slice(0, 2) : job).join("\0")}\0`;
  // What the kernel keeps is not tried again: on a dead disk, processes would pile up.
  for (const other of running.values()) {
    if (other.late && other.what === what) return { status: TIMED_OUT, output: sleepingIn(other.pid) };
  }
  if (running.size >= MOST_JOBS) return { status: UNBORN, output: String(abi.EAGAIN) };
  const pid = system.fork();
  if (pid < 0) return { status: UNBORN, output: String(-pid) };
  if (pid > 0) return { id, pid, what, deadline: now() + Number(deadline), late: false };
  system.leadGroup();
  for (const fd of toClose) system.close(fd);
  system.prctl(abi.PR_SET_PDEATHSIG, abi.SIGKILL);
  system.maskSignals(abi.SIG_UNBLOCK, [abi.SIGCHLD]);
  const [name, ...args] = job as unknown as Job;
  if (name === "exec" || name === "test") {
    if (name === "test") system.limitFileSize(MOST_WRITTEN);
    const errno = -become(args);
    system.write(answers, answerFrame(id, { status: NOT_RUN, output: String(errno) }));
    return system.exit(1); // an answer that comes second is not heard
  }
  const result = tasks[name](...args);
  system.write(answers, answerFrame(id, result));
  return system.exit(0);
}

/** Becomes a program: first where its output goes, then its name and arguments. Returns only where it cannot, with a negative errno. */
function become([log = "", ...argv]: readonly string[]): number {
  const flags = abi.O_WRONLY | abi.O_CREAT | abi.O_TRUNC | abi.O_NOFOLLOW | abi.O_NOCTTY;
  const silent = system.open("/dev/null", abi.O_RDWR);
  if (log !== "") system.makeDirectory(log.slice(0, log.lastIndexOf("/")), 0o750);
  system.duplicate(silent, 0);
  for (const [fd, ending] of [
    [1, "stdout"],
    [2, "stderr"],
  ] as const) {
    const file = log === "" ? silent : system.open(`${log}.${ending}`, flags, 0o640);
    // In watchdog(8), a log that cannot be opened is the test's result; but a full or read-only disk says nothing of what is tested.
    system.duplicate(file < 0 ? silent : file, fd);
  }
  return system.execute(argv);
}

interface Asked {
  outcome: JobOutcome | undefined;
  readonly wakes: boolean;
  readonly askedAt: number;
  /** Milliseconds that it may take. */
  readonly deadline: number;
}

/** The daemon's side. */
export class Spawner {
  readonly #child: Child;
  readonly #frames = new Frames();
  readonly #jobs = new Map<string, Asked>();
  #lastId = 0;

  constructor(household: Household) {
    this.#child = new Child("bernard-spawner", household, serve);
  }

  /** Where answers come from; the daemon polls it. */
  get answers(): number {
    return this.#child.answers;
  }

  get isBusy(): boolean {
    return this.#jobs.size > 0;
  }

  /** @param wakes whether its end calls for an early round */
  start(job: Job, deadline: number, wakes: boolean): RunningJob {
    this.#lastId += 1;
    const id = String(this.#lastId);
    const running: Asked = { outcome: undefined, wakes, askedAt: now(), deadline };
    const request = frame([id, String(Math.ceil(deadline)), ...job]);
    if (request.length > PIPE_BUF) running.outcome = { status: UNBORN, output: String(abi.E2BIG) };
    else if (!this.#child.write(request)) running.outcome = { status: UNBORN, output: String(abi.EAGAIN) };
    else this.#jobs.set(id, running);
    return running;
  }

  /** Looks after jobs that take long, for their checks may wait for ever. */
  tend(): void {
    const time = now();
    let isSilent = false;
    for (const [id, job] of this.#jobs) {
      const out = time - job.askedAt;
      isSilent ||= out >= SILENT;
      if (out < job.deadline + LOST) continue;
      job.outcome = { status: UNBORN, output: String(abi.EAGAIN) };
      this.#jobs.delete(id);
    }
    if (isSilent) this.#child.goOn();
  }

  /**
   * Takes what the spawner has sent; true when a job has ended that wakes. When it was killed, so were its jobs: that is its end's doing,
   * not theirs.
   */
  receive(): boolean {
    const bytes = this.#child.read(PIPE_BUF);
    if (bytes === "none") return false;
    if (bytes === undefined) {
      for (const job of this.#jobs.values()) job.outcome = { status: UNBORN, output: String(abi.EAGAIN) };
      this.#jobs.clear();
      return false;
    }
    let wakes = false;
    for (const [id = "", status = "", output = ""] of this.#frames.take(bytes)) {
      const job = this.#jobs.get(id);
      if (job !== undefined) job.outcome = { status: Number(status), output };
      wakes ||= job?.wakes === true;
      this.#jobs.delete(id);
    }
    return wakes;
  }
}
