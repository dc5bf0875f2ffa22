/** A child of the daemon's: forked with two pipes, ordinary to the kernel, and forked anew when it was killed. */
import { decode, encode } from "../bytes.ts";
import * as abi from "./abi.ts";
import * as system from "./system.ts";

const ZERO = 48;

/** What may reach a child, though the daemon masks it. */
const SIGNALS = [abi.SIGHUP, abi.SIGINT, abi.SIGTERM, abi.SIGPIPE, abi.SIGUSR1];

/** Turns a just forked copy of the daemon into a plain process that the kernel may throttle and kill, and that dies with the daemon. */
function becomeOrdinary(name: string, daemonFds: readonly number[], keep: readonly number[], daemonPid: number): void {
  // The device first: a copy of it held open here would keep the daemon's magic close from stopping it.
  for (const fd of daemonFds) if (!keep.includes(fd)) system.close(fd);
  system.setScheduler(abi.SCHED_OTHER, 0);
  system.prctlName(abi.PR_SET_NAME, name);
  system.prctl(abi.PR_SET_PDEATHSIG, abi.SIGKILL);
  if (system.parentPid() !== daemonPid) system.exit(0);
  system.maskSignals(abi.SIG_UNBLOCK, SIGNALS);
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

/** The kernel function in which a process sleeps (`/proc/PID/wchan`), empty when unknown, or when it does not sleep. */
export function sleepingIn(pid: number): string {
  const name = system.readWhole(`/proc/${pid}/wchan`);
  return typeof name === "number" || name[0] === ZERO ? "" : decode(name);
}

/** What a child needs to know of the daemon that it is forked from. */
export interface Household {
  readonly pid: number;
  /** Every descriptor that the daemon has open. */
  readonly fds: Set<number>;
  /** Called in the daemon after each fork: a fork undoes the lock on memory. */
  afterFork(): void;
}

/** The daemon's side of a child. */
export class Child {
  readonly #name: string;
  readonly #serve: (questions: number, answers: number) => never;
  readonly #household: Household;
  #questions = -1;
  /** Where answers come from; -1 while there is no child. */
  answers = -1;
  /** 0 while there is none. */
  pid = 0;

  /** @param name as `ps` shows it @param serve what the child does, on its ends of the pipes */
  constructor(name: string, household: Household, serve: (questions: number, answers: number) => never) {
    this.#name = name;
    this.#serve = serve;
    this.#household = household;
    this.#fork();
  }

  /** To the child, forked anew where it was killed; false where there is none, or where it takes no more. */
  write(question: Uint8Array): boolean {
    if (this.pid === 0) this.#fork();
    return this.pid !== 0 && system.write(this.#questions, question) === question.length;
  }

  /** Undoes a SIGSTOP, by which somebody may have kept it from answering; no harm to one that runs. */
  goOn(): void {
    if (this.pid !== 0) system.kill(this.pid, abi.SIGCONT);
  }

  /** What it has sent, at most `size` bytes; `"none"` where that is nothing yet, undefined at its end. */
  read(size: number): Uint8Array | "none" | undefined {
    const bytes = system.readFrom(this.answers, size);
    if (bytes === -abi.EAGAIN) return "none";
    if (typeof bytes !== "number" && bytes.length > 0) return bytes;
    this.#bury();
    return undefined;
  }

  #bury(): void {
    for (const fd of [this.#questions, this.answers]) {
      this.#household.fds.delete(fd);
      system.close(fd);
    }
    this.pid = 0;
    this.answers = -1;
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
      becomeOrdinary(this.#name, [...this.#household.fds], mine, this.#household.pid);
      this.#serve(questions[0], answers[1]);
    }
    for (const fd of [questions[0], answers[1]]) {
      this.#household.fds.delete(fd);
      system.close(fd);
    }
    this.#questions = questions[1];
    this.answers = answers[0];
    this.pid = Math.max(pid, 0);
    if (pid < 0) this.#bury();
    else this.#household.afterFork();
  }
}
