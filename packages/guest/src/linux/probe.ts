/** A probe: a child that does for us whatever can hang on a disk. The child's side first, then the daemon's. */
import { encode, joined } from "../bytes.ts";
import { PROBE_STEPS, type Probe, type ProbeAnswer, type ProbeStep } from "../platform.ts";
import * as abi from "./abi.ts";
import { Child, type Household, sleepingIn } from "./child.ts";
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
    system.poll([{ fd: questions, events: abi.POLLIN }], FOREVER);
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

/** The daemon's side. */
export class LinuxProbe implements Probe {
  readonly #child: Child;
  readonly #now: () => number;
  #answer: ProbeAnswer | undefined;
  #isRefused = false;
  askedAt: number | undefined;

  constructor(task: ProbeTask, household: Household, clock: () => number) {
    this.#child = new Child("bernard-probe", household, (questions, answers) => serve(task, questions, answers));
    this.#now = clock;
  }

  /** Where answers come from; the daemon polls it. */
  get answers(): number {
    return this.#child.answers;
  }

  ask(): boolean {
    const asked = this.#child.write(new Uint8Array([ASK]));
    if (asked) this.askedAt = this.#now();
    return asked;
  }

  take(): ProbeAnswer | undefined {
    const answer = this.#answer;
    this.#answer = undefined;
    return answer;
  }

  record(lastWords: string): void {
    this.#child.write(joined(new Uint8Array([RECORD]), encode(lastWords).subarray(0, PIPE_BUF - 1)));
  }

  sleepingIn(): string {
    return this.#child.pid === 0 ? "" : sleepingIn(this.#child.pid);
  }

  /** Takes what the child has sent; its end, which is no answer, is noticed here too. True for the first refusal, which is news. */
  receive(): boolean {
    const bytes = this.#child.read(2);
    if (bytes === "none") return false;
    this.askedAt = undefined;
    if (bytes?.length !== 2) return false;
    this.#answer = { step: PROBE_STEPS[bytes[0] as number] as ProbeStep, errno: bytes[1] as number };
    const wasRefused = this.#isRefused;
    this.#isRefused = this.#answer.errno !== 0;
    return this.#isRefused && !wasRefused;
  }
}
