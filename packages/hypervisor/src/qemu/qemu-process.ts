/** One QEMU process: found, started so that it dies with us, listened to, ended by its process id. */
import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Duplex } from "node:stream";
import { UserError } from "@bernard/tools";

const PROGRAM = "qemu-system-x86_64";

/** Characters kept of what QEMU writes to standard error: enough for its last words, however much it says. */
const STDERR_KEPT = 16_384;

/** Milliseconds a QEMU may take to end after SIGTERM, before it is killed. */
const TERM_MS = 2_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface QemuProcessOptions {
  /** Its own session, and no death with ours. */
  readonly outlivesUs?: boolean;
}

export class QemuProcess {
  readonly pid: number;
  /** The exit, after the last of standard error has been read. */
  readonly exited: Promise<Exit>;
  /** The other end of QEMU's descriptor 3. */
  readonly monitor: Duplex;
  readonly #child: ChildProcess;
  readonly #killAtOurExit = () => void this.#child.kill("SIGKILL");
  #stderr = "";

  private constructor(child: ChildProcess, pid: number, exited: Promise<Exit>) {
    this.#child = child;
    // What may outlive us does so only once it is released.
    process.once("exit", this.#killAtOurExit);
    exited.then(() => process.off("exit", this.#killAtOurExit));
    this.pid = pid;
    this.exited = exited;
    this.monitor = child.stdio[3] as Duplex;
    this.monitor.on("error", () => {}); // its reader sees the end; the exit tells why
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_KEPT);
    });
  }

  /** @throws UserError when QEMU is not installed or cannot be started at all */
  static async start(args: readonly string[], { outlivesUs = false }: QemuProcessOptions = {}): Promise<QemuProcess> {
    const program = await findProgram();
    // The kernel kills QEMU when the thread that started it ends, however it ends (prctl(2), PR_SET_PDEATHSIG).
    const command = outlivesUs ? [program] : ["setpriv", "--pdeathsig", "KILL", "--", program];
    const stdio: StdioOptions = ["ignore", "ignore", "pipe", "pipe"]; // descriptor 3 is a socket pair: no path, no race
    const child = spawn(command[0]!, [...command.slice(1), ...args], { stdio, detached: outlivesUs });
    const exited = new Promise<Exit>((resolve) => {
      child.once("close", (code, signal) => resolve({ code, signal }));
    });
    await new Promise<void>((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (error) => reject(new UserError(`${PROGRAM} cannot be started: ${error.message}`)));
    });
    return new QemuProcess(child, child.pid!, exited);
  }

  /**
   * The last complaint on standard error, without the program and the option that it repeats:
   * `qemu-system-x86_64: -drive if=none,file=a.qcow2: Could not open 'a.qcow2': No such file` -> `Could not open...`
   */
  get complaint(): string {
    const lines = this.#stderr.split("\n").filter((line) => line.trim() !== "");
    const last = lines.findLast((line) => !line.includes(": warning: ")) ?? lines.at(-1);
    return last?.replace(/^(qemu[\w-]*: )?(-[\w-]+ \S+: )?/, "") ?? "QEMU said nothing";
  }

  /** Whether it ends by itself before `ms` milliseconds have passed. */
  async endsWithin(ms: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<false>((resolve) => {
      timer = setTimeout(resolve, ms, false);
    });
    try {
      return await Promise.race([this.exited.then(() => true), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends it by signals, the hard one last; resolves when it is gone. */
  async end(): Promise<void> {
    this.#child.kill("SIGTERM");
    if (!(await this.endsWithin(TERM_MS))) this.kill();
    await this.exited;
  }

  /** Kills it at once; `exited` tells when it is gone. No harm when it has ended already. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Lets our own process end before this one. */
  release(): void {
    process.off("exit", this.#killAtOurExit);
    this.#child.unref();
    this.#child.stderr?.destroy();
    this.monitor.destroy();
  }
}

async function findProgram(): Promise<string> {
  for (const dir of (process.env.PATH ?? "").split(delimiter)) {
    const path = join(dir, PROGRAM);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  throw new UserError(`${PROGRAM} is not installed`, "apt-get install qemu-system-x86", 3);
}
