/** libvirt's own clients, to hold ours against: python3-libvirt and virsh. */
import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Scope } from "@bernard/tools";

const PYTHON = "/usr/bin/python3"; // Debian's: a module of Debian's is for it alone
const PROGRAM = join(import.meta.dirname, "fixtures/oracle.py");

export async function python(uri: string, what: "domains" | "errors" | "words"): Promise<unknown> {
  const { stdout } = await promisify(execFile)(PYTHON, [PROGRAM, uri, what], { maxBuffer: 64 * 1024 * 1024 });
  return JSON.parse(stdout);
}

export async function virsh(uri: string, ...args: readonly string[]): Promise<string> {
  const env = { ...process.env, LC_ALL: "C" };
  const { stdout } = await promisify(execFile)("virsh", ["-q", "-c", uri, ...args], { env });
  return stdout.trim();
}

/** The events that python3-libvirt hears from now on: name, domain, id, and what they carry. */
export async function pythonEvents(t: Scope, uri: string): Promise<readonly unknown[][]> {
  const heard: unknown[][] = [];
  const child = spawn(PYTHON, [PROGRAM, uri, "events"], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill());
  const ready = Promise.withResolvers<void>();
  child.once("exit", (code) => ready.reject(new Error(`python3 ended with ${code}`)));
  ready.promise.catch(() => {});
  createInterface({ input: child.stdout }).on("line", (line) => {
    const value: unknown = JSON.parse(line);
    if (Array.isArray(value)) heard.push(value);
    else ready.resolve();
  });
  await ready.promise;
  return heard;
}
