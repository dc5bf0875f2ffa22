/** A program as a person starts it: its lines as they come, its end, and what it leaves on the machine. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as later } from "node:timers/promises";

export interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramOptions {
  readonly cwd?: string;
  /** Beside our own environment. */
  readonly env?: NodeJS.ProcessEnv;
}

export class Program {
  readonly pid: number;
  readonly ended: Promise<End>;
  readonly #child: ChildProcess;
  readonly #said = { stdout: "", stderr: "" };
  readonly #listeners = new Set<() => void>();

  /** Starts it in a process group of its own, as a shell does; what is left of the group at the test's end is killed. */
  constructor(t: TestContext, command: readonly string[], { cwd, env }: ProgramOptions = {}) {
    const [name, ...args] = command as [string, ...string[]];
    const child = spawn(name, args, { cwd, env: { ...process.env, ...env }, detached: true });
    if (child.pid === undefined) throw new Error(`${name} cannot be started`);
    this.#child = child;
    this.pid = child.pid;
    for (const stream of ["stdout", "stderr"] as const) {
      child[stream].setEncoding("utf8").on("data", (text: string) => {
        this.#said[stream] += text;
        for (const listener of this.#listeners) listener();
      });
    }
    this.ended = new Promise((resolve) => {
      child.once("close", (code, signal) => resolve({ code, signal, ...this.#said }));
    });
    t.after(() => this.#killGroup());
  }

  /** Resolves to the first match of `pattern` in what it says; rejects when it ends without. */
  said(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const match = pattern.exec(this.#said.stdout) ?? pattern.exec(this.#said.stderr);
        if (match === null) return;
        this.#listeners.delete(look);
        resolve(match);
      };
      this.#listeners.add(look);
      look();
      this.ended.then((end) => reject(new Error(`never said ${pattern}: ${JSON.stringify(end)}`)));
    });
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Its reader goes away, as `| head` does. */
  hangUp(): void {
    this.#child.stdout?.destroy();
  }

  /** Signals it alone, or its whole group as a terminal does. */
  signal(signal: NodeJS.Signals, whom: "it" | "its group" = "it"): void {
    process.kill(whom === "it" ? this.pid : -this.pid, signal);
  }

  #killGroup(): void {
    try {
      process.kill(-this.pid, "SIGKILL");
    } catch {} // all of it has ended
  }
}

/** A temporary folder (TMPDIR) for the programs of one test alone, so that what they leave can be told from all else. */
export async function ownTmp(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "rest-"));
  t.after(async () => {
    for (const pid of await processesIn(dir)) process.kill(pid, "SIGKILL");
    await rm(dir, { recursive: true });
  });
  return dir;
}

/** Process ids of the QEMUs whose files are in `dir`. */
export async function processesIn(dir: string): Promise<number[]> {
  return (await qemusIn(dir)).map(({ pid }) => pid);
}

interface Qemu {
  readonly pid: number;
  /** Whether it has a name: the accelerator's probe has none. */
  readonly isGuest: boolean;
}

async function qemusIn(dir: string): Promise<Qemu[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
  return pids.flatMap((pid, index) => {
    const line = lines[index]!;
    if (!/^[^\0]*qemu-system/.test(line) || !line.includes(dir)) return [];
    return [{ pid: Number(pid), isGuest: line.includes("\0-name\0") }];
  });
}

/**
 * Resolves once `count` guests, and no other QEMU, have their files in `dir`. Nothing tells of the end of a process that is
 * no child of ours.
 */
export async function untilProcesses(dir: string, count: number): Promise<void> {
  const reached = (qemus: readonly Qemu[]) => qemus.length === count && qemus.every(({ isGuest }) => isGuest);
  while (!reached(await qemusIn(dir))) await later(50);
}
