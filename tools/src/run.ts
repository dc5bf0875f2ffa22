/** Runs a program to its end and hands back what it printed. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { atProcessEnd } from "./process-end.ts";
import { errorCode, NO_SPACE_HINT, UserError } from "./user-error.ts";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Uint8Array;
  /** What to do when the program is missing or fails. */
  readonly hint?: string;
  /** Called at each line of standard output as it comes. */
  readonly onLine?: (line: string) => void;
  /** A lock that the program has for its time, and waits for: see flock(1). */
  readonly lock?: FileLock;
}

export interface FileLock {
  /** Made where it is missing, and left there. */
  readonly file: string;
  /** Several may share it; else it is for one alone. */
  readonly shared: boolean;
}

/** Resolves to standard output; the program ends with us. A missing program or a non-zero exit is a {@link UserError} with the last line of standard error. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const [program, words] = options.lock === undefined ? [command, args] : locked(options.lock, command, args);
    const child = spawn(program, words, { cwd: options.cwd, env: options.env ?? process.env });
    const forget = atProcessEnd(() => child.kill());
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    if (options.onLine !== undefined) createInterface({ input: child.stdout }).on("line", options.onLine);
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.on("error", (error) => {
      forget();
      const missing = errorCode(error) === "ENOENT";
      const what = missing ? `${program}: no such program` : `${program}: ${error.message}`;
      reject(new UserError(what, options.hint ?? (missing ? "install it, or complete PATH" : undefined)));
    });
    child.on("close", (code, signal) => {
      forget();
      if (code === 0) return resolve(Buffer.concat(out));
      const said = Buffer.concat(err).toString().trim().split("\n");
      const noSpace = said.find((line) => /no space left/i.test(line)); // what follows it are its consequences
      const tail = noSpace ?? said.findLast((line) => /error|fail/i.test(line)) ?? said.at(-1) ?? "";
      const what = args[0]?.startsWith("-") === false ? `${command} ${args[0]}` : command;
      const hint = noSpace === undefined ? options.hint : NO_SPACE_HINT;
      reject(new UserError(`${what} ended with ${signal ?? code}: ${tail}`, hint));
    });
    child.stdin.on("error", () => {}); // a program that ends early is judged by its exit code
    child.stdin.end(options.input);
  });
}

/** Without a fork flock becomes the program, so that our signals reach it; the kernel frees the lock when it has ended. */
function locked({ file, shared }: FileLock, command: string, args: readonly string[]): [string, readonly string[]] {
  return ["flock", ["--no-fork", shared ? "--shared" : "--exclusive", file, command, ...args]];
}
