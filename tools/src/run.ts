/** Runs a program to its end and hands back what it printed. */
import { spawn } from "node:child_process";
import { atProcessEnd } from "./process-end.ts";
import { errorCode, NO_SPACE_HINT, UserError } from "./user-error.ts";

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string | Uint8Array;
  /** What to do when the program is missing or fails. */
  readonly hint?: string;
}

/** Resolves to standard output; the program ends with us. A missing program or a non-zero exit is a {@link UserError} with the last line of standard error. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: options.cwd, env: options.env ?? process.env });
    const forget = atProcessEnd(() => child.kill());
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
    child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
    child.on("error", (error) => {
      forget();
      const missing = errorCode(error) === "ENOENT";
      const what = missing ? `${command}: no such program` : `${command}: ${error.message}`;
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
