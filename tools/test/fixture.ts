/** A program of `fixtures/` in a process of its own; it ends with the test. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { TestContext } from "node:test";

export interface Fixture {
  readonly process: ChildProcess;
  /** The first that it said. */
  readonly said: string;
}

/** Resolves once it has said something. */
export async function startFixture(t: TestContext, name: string, argument: string): Promise<Fixture> {
  const file = join(import.meta.dirname, "fixtures", name);
  const child = spawn(process.execPath, [file, argument], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  return { process: child, said: said.toString().trim() };
}
