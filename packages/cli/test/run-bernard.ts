/** `bernard` as a person starts it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";
import { root } from "@bernard/tools";

export interface End {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function startBernard(t: TestContext, ...args: readonly string[]) {
  const child = spawn(join(root, "bernard"), args, { stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => child.kill("SIGKILL"));
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      said[stream] += text;
    });
  }
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended: Promise<End> = once(child, "close").then(([code]) => ({ code, ...said }));
  /** The next line that has all of these. */
  const nextLine = async (...parts: readonly string[]): Promise<string> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`it ended without a line of ${parts}: ${JSON.stringify(await ended)}`);
      if (parts.every((part) => value.includes(part))) return value;
    }
  };
  return { child, ended, nextLine };
}

export function runBernard(t: TestContext, ...args: readonly string[]): Promise<End> {
  return startBernard(t, ...args).ended;
}
