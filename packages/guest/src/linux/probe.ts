/** A probe: a child that does for us whatever can hang on a disk. The child's side first, then the daemon's. */
import { decode, encode } from "../bytes.ts";
import { PROBE_STEPS, type Probe, type ProbeAnswer, type ProbeStep } from "../platform.ts";
import * as abi from "./abi.ts";
import * as system from "./system.ts";

/** First byte of a question. Last words bring their text behind it, as much as a pipe takes at once (PIPE_BUF). */
const ASK = 1;
const RECORD = 2;
const PIPE_BUF = 4096;
const FOREVER = -1;

const PROBE_FILE = ".bernard-probe";
const PROBE_SIZE = 4096;
const LAST_WORDS_FILE = "last-words";

/** Where a child works: the file system it watches, and where last words go. */
export interface ProbeTask {
  readonly directory: string;
  /** Undefined: nowhere. */
  readonly stateDirectory: string | undefined;
}

/** The child: answers questions until the daemon is gone. Errno 0 is a good answer. */
function serve(task: ProbeTask, questions: number, answers: number): never {
  const answer = new Uint8Array(2);
  for (;;) {
    // The pipes do not block, for the daemon's sake: the child waits here for its next question.
    system.poll([questions], abi.POLLIN, FOREVER);
    const question = system.readFrom(questions, PIPE_BUF);
    if (question === -abi.EAGAIN) continue;
    if (typeof question === "number" || question.length === 0) system.exit(0);
    // Last words may share the pipe with a question before them; nobody waits for its answer any more.
    const words = question.indexOf(RECORD) + 1;
    if (words > 0) {
      if (task.stateDirectory !== undefined) recordLastWords(task.stateDirectory, question.slice(words));
      continue;
    }
    const { step, errno } = probeOnce(task.directory);
    answer[0] = PROBE_STEPS.indexOf(step);
    answer[1] = errno;
    if (system.write(answers, answer) < 0) system.exit(0);
  }
}

/** One create + write + fsync + remove in `directory`. */
function probeOnce(directory: string): ProbeAnswer {
  const path = `${directory === "/" ? "" : directory}/${PROBE_FILE}`;
  const failed = (step: ProbeStep, result: number): ProbeAnswer => ({ step, errno: -result });
  // O_EXCL and O_NOFOLLOW: on a file system that anyone may write to, nobody chooses what we open.
  const flags = abi.O_WRONLY | abi.O_CREAT | abi.O_EXCL | abi.O_NOFOLLOW;
  let fd = system.open(path, flags, 0o600);
  if (fd === -abi.EEXIST) {
    // Left by a crash in the midst of a probe, or by a file system that died in the midst of one: then this is refused too.
    const removed = system.unlink(path);
    if (removed < 0) return failed("remove", removed);
    fd = system.open(path, flags, 0o600);
  }
  if (fd < 0) return failed("create", fd);
  const written = system.write(fd, new Uint8Array(PROBE_SIZE));
  const synced = written < 0 ? 0 : system.fsync(fd);
  system.close(fd);
  const removed = system.unlink(path);
  if (written < 0) return failed("write", written);
  if (synced < 0) return failed("sync", synced);
  return failed("remove", Math.min(removed, 0));
}

function recordLastWords(directory: string, words: Uint8Array): void {
  system.makeDirectory(directory, 0o700);
  const flags = abi.O_WRONLY | abi.O_CREAT | abi.O_TRUNC | abi.O_NOFOLLOW;
  const fd = system.open(`${directory}/${LAST_WORDS_FILE}`, flags, 0o600);
  if (fd < 0) return;
  system.write(fd, words);
  system.fsync(fd);
  system.close(fd);
}

/** Turns a just forked copy of the daemon into a plain process that the kernel may throttle and kill, and that dies with the daemon. */
function becomeOrdinary(daemonFds: readonly number[], keep: readonly number[], daemonPid: number): void {
  // The device first: a copy of it held open here would keep the daemon's magic close from stopping it.
  for (const fd of daemonFds) if (!keep.includes(fd)) system.close(fd);
  system.setScheduler(abi.SCHED_OTHER, 0);
  system.prctlName(abi.PR_SET_NAME, "bernard-probe");
  system.prctl(abi.PR_SET_PDEATHSIG, abi.SIGKILL);
  if (system.parentPid() !== daemonPid) system.exit(0);
  system.maskSignals(abi.SIG_UNBLOCK, [abi.SIGHUP, abi.SIGINT, abi.SIGTERM, abi.SIGPIPE]);
  writeOomScore(0);
}

/** How gladly the kernel kills this process when memory runs out: -1000 never, 0 like any other. */
export function writeOomScore(score: number): number {
  const fd = system.open("/proc/self/oom_score_adj", abi.O_WRONLY);
  if (fd < 0) return fd;
  const result = system.write(fd, encode(String(score)));
  system.close(fd);
  return result;
}

/** What a child needs to know of the daemon that it is forked from. */
export interface Household {
  readonly pid: number;
  /** Every descriptor that the daemon has open. */
  readonly fds: Set<number>;
  /** Called in the daemon after each fork: a fork undoes the lock on memory. */
  afterFork(): void;
}

/** The daemon's side. Forks its child anew when that was killed, which is no sign of a bad disk. */
export class LinuxProbe implements Probe {
  readonly #task: ProbeTask;
  readonly #household: Household;
  readonly #now: () => number;
  #pid = 0;
  #questions = -1;
  /** Where answers come from; the daemon polls it. */
  answers = -1;
  #answer: ProbeAnswer | undefined;
  askedAt: number | undefined;

  constructor(task: ProbeTask, household: Household, clock: () => number) {
    this.#task = task;
    this.#household = household;
    this.#now = clock;
    this.#fork();
  }

  ask(): boolean {
    const asked = this.#write(new Uint8Array([ASK]));
    if (asked) this.askedAt = this.#now();
    return asked;
  }

  take(): ProbeAnswer | undefined {
    const answer = this.#answer;
    this.#answer = undefined;
    return answer;
  }

  record(lastWords: string): void {
    const words = encode(lastWords).subarray(0, PIPE_BUF - 1);
    const question = new Uint8Array(words.length + 1);
    question[0] = RECORD;
    question.set(words, 1);
    this.#write(question);
  }

  /** To the child, forked anew where it was killed; false where there is none. */
  #write(question: Uint8Array): boolean {
    if (this.#pid === 0) this.#fork();
    return this.#pid !== 0 && system.write(this.#questions, question) === question.length;
  }

  sleepingIn(): string {
    const text = this.#pid === 0 ? 0 : system.readWhole(`/proc/${this.#pid}/wchan`);
    return typeof text === "number" || text[0] === 48 ? "" : decode(text);
  }

  /** Takes what the child has sent; its end is noticed here too. */
  receive(): void {
    const bytes = system.readFrom(this.answers, 2);
    if (bytes === -abi.EAGAIN) return;
    if (typeof bytes !== "number" && bytes.length === 2) {
      this.#answer = { step: PROBE_STEPS[bytes[0] as number] as ProbeStep, errno: bytes[1] as number };
      this.askedAt = undefined;
      return;
    }
    this.#bury();
  }

  #bury(): void {
    for (const fd of [this.#questions, this.answers]) {
      this.#household.fds.delete(fd);
      system.close(fd);
    }
    this.#pid = 0;
    this.answers = -1;
    this.askedAt = undefined;
  }

  #fork(): void {
    const questions = system.pipe(abi.O_NONBLOCK);
    if (typeof questions === "number") return;
    const answers = system.pipe(abi.O_NONBLOCK);
    if (typeof answers === "number") {
      for (const fd of questions) system.close(fd);
      return;
    }
    for (const fd of [...questions, ...answers]) this.#household.fds.add(fd);
    const pid = system.fork();
    if (pid === 0) {
      const mine = [questions[0], answers[1]];
      becomeOrdinary([...this.#household.fds], mine, this.#household.pid);
      serve(this.#task, questions[0], answers[1]);
    }
    for (const fd of [questions[0], answers[1]]) {
      this.#household.fds.delete(fd);
      system.close(fd);
    }
    this.#questions = questions[1];
    this.answers = answers[0];
    this.#pid = Math.max(pid, 0);
    if (pid < 0) this.#bury();
    else this.#household.afterFork();
  }
}
