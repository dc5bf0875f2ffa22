/** Fresh checkouts to break: copies of this one's files as they are now, with nothing built in them. */
import { chmod, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { TestContext } from "node:test";
import { buildRoot, errorCode, root, run } from "@bernard/tools";

/** What takes long to build or to download and depends on no checkout; the rest is built in seconds. */
const SLOW = /^(quickjs-x86_64|quickjs-i386|musl-i386)-[0-9a-f]{16}$/;

export interface Checkout {
  /** With what npm brings; default true. */
  readonly setUp?: boolean;
  /** Leaves out of the slow builds what matches. */
  readonly without?: RegExp;
}

/** A checkout in a temporary folder that other users can read; it goes with the test. */
export async function freshCheckout(t: TestContext, { setUp = true, without }: Checkout = {}): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "rest-checkout-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  await chmod(dir, 0o755);
  const files = await run("git", ["ls-files", "-co", "--exclude-standard", "-z"], { cwd: root });
  await run("xargs", ["-0", "cp", "--parents", "-p", "-t", dir], { cwd: root, input: files });
  if (!setUp) return dir;
  await linkOrCopy(join(root, "node_modules"), dir);
  await mkdir(join(dir, "build/cache"), { recursive: true });
  for (const name of await readdir(join(buildRoot, "cache"))) {
    if (SLOW.test(name) && !without?.test(name)) await linkOrCopy(join(buildRoot, "cache", name), `${dir}/build/cache`);
  }
  return dir;
}

/** Links are quick; nobody writes into what npm brought or into a finished build. */
async function linkOrCopy(from: string, into: string): Promise<void> {
  await run("cp", ["-al", from, into]).catch(() => run("cp", ["-a", from, into]));
}

/** A PATH with all programs of ours but those that match. */
export async function pathWithout(t: TestContext, hidden: RegExp): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "rest-path-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  for (const from of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of await readdir(from).catch(() => [])) {
      if (hidden.test(name)) continue;
      await symlink(join(from, name), join(dir, name)).catch((error: unknown) => {
        if (errorCode(error) !== "EEXIST") throw error; // the PATH's earlier folder has won
      });
    }
  }
  return dir;
}
