/** `bernard host` as a process of its own, as its package installs it: what it prints, and what it takes of the machine. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { buildRoot, run, type Scope, UserError } from "@bernard/tools";
import { HostClient } from "../src/client.ts";

/** By the clock that every program reads: milliseconds since 1970. */
export const now = (): number => performance.timeOrigin + performance.now();

const NANOSECONDS = 1e9;

/** The program and its first words, out of the tarball of `make package`. */
export async function unpackBernard(scope: Scope): Promise<readonly string[]> {
  const dir = join(buildRoot, "package/bernard");
  const name = (await readdir(dir).catch(() => [])).find((each) => each.endsWith(".tar.gz"));
  if (name === undefined) throw new UserError(`there is no package in ${dir}`, "make package");
  const root = await mkdtemp(join(buildRoot, "bench-"));
  scope.after(() => rm(root, { recursive: true }));
  await run("tar", ["-xzf", join(dir, name), "-C", root]);
  const script = (await readdir(root, { recursive: true })).find((each) => each.endsWith("bin/bernard")) ?? "";
  const prefix = join(root, script, "../../..");
  const text = await readFile(join(root, script), "utf8");
  const [, variable = ""] = /^export (.*)$/m.exec(text) ?? [];
  const [, command = ""] = /^exec (.*) "\$@"$/m.exec(text) ?? [];
  return ["env", variable, ...command.split(" ").map((word) => (word.startsWith("/") ? join(prefix, word) : word))];
}

interface Line {
  /** When we had read it. */
  readonly at: number;
  readonly line: string;
}

export interface HostProcess {
  readonly client: HostClient;
  /** The nth line with both of these, once it is there. */
  printed(part: string, other?: string, nth?: number): Promise<Line>;
  /** When it was started. */
  readonly startedAt: number;
  /** All that is resident now, in 10^6 bytes, the pages shared with other programs included. */
  megabytes(): Promise<number>;
  /** Seconds of processor time that it has taken so far. */
  processorS(): Promise<number>;
  stop(): Promise<void>;
}

/** @param dir where its journal is; the same again: a restart */
export async function startDaemon(
  scope: Scope,
  [program = "", ...words]: readonly string[],
  dir: string,
  yaml: string,
): Promise<HostProcess> {
  await mkdir(dir, { recursive: true });
  const config = join(dir, "host.yaml");
  await writeFile(config, `state: ${dir}/state\nrun: ${dir}/run\nread-only: false\n${yaml}`);
  const startedAt = now();
  const child = spawn(program, [...words, "host", "--config", config], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "exit");
  const stop = async () => {
    child.kill();
    await ended;
  };
  scope.after(stop);
  const lines: Line[] = [];
  const looks = new Set<() => void>();
  createInterface({ input: child.stderr }).on("line", (line) => {
    lines.push({ at: now(), line });
    for (const look of looks) look();
  });
  const ofProcess = (file: string) => readFile(`/proc/${child.pid}/${file}`, "utf8");
  return {
    client: new HostClient(`${dir}/run/host.sock`),
    startedAt,
    stop,
    async printed(part, other = "", nth = 1) {
      const find = () => lines.filter(({ line }) => line.includes(part) && line.includes(other))[nth - 1];
      const { promise, resolve, reject } = Promise.withResolvers<Line>();
      const look = () => {
        const found = find();
        if (found !== undefined) resolve(found);
      };
      looks.add(look);
      look();
      void ended.then(() => reject(new Error(`bernard host has ended: ${lines.at(-1)?.line}`)));
      return await promise.finally(() => looks.delete(look));
    },
    async megabytes() {
      return (Number(/^VmRSS:\s+(\d+) kB/m.exec(await ofProcess("status"))?.[1]) * 1024) / 1e6;
    },
    async processorS() {
      const threads = await readdir(`/proc/${child.pid}/task`);
      const times = await Promise.all(threads.map((thread) => ofProcess(`task/${thread}/schedstat`).catch(() => "0")));
      return times.reduce((sum, text) => sum + Number.parseInt(text, 10), 0) / NANOSECONDS;
    },
  };
}
