/** Built things, kept under a hash of all that went into them: built once, rebuilt when an input changes, never half there. */
import { createHash } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { buildRoot } from "./paths.ts";
import { atProcessEnd } from "./process-end.ts";
import { errorCode } from "./user-error.ts";

/** Milliseconds for which an older build is kept after its last use: another process may still run on it. */
const KEPT_MS = 2 * 3600 * 1000;

/** How rename(2) refuses to replace a folder that is not empty: the one or the other, depending on the file system. */
const ALREADY_THERE: ReadonlySet<string | undefined> = new Set(["ENOTEMPTY", "EEXIST"]);

/** Says what is being done, one line at a time. */
export type Say = (line: string) => void;

export interface Recipe {
  /** Names the result, and its folder: `build/cache/NAME-HASH`. */
  readonly name: string;
  /** Strings and bytes that went into it (versions, options, contents). */
  readonly inputs: readonly (string | Uint8Array)[];
  /** Files or whole folders that go into it. */
  readonly files?: readonly string[];
  /** Fills `dir`. Whatever it throws, nothing of it stays. */
  readonly build: (dir: string) => Promise<void>;
}

/** Builds that this process has under way, by their finished folder. */
const underWay = new Map<string, Promise<string>>();

/** The folder of the built thing, built now if it is not there. */
export async function cached(recipe: Recipe, say: Say): Promise<string> {
  const cache = join(buildRoot, "cache");
  const finished = join(cache, `${recipe.name}-${await hashOf(recipe)}`);
  if (existsSync(finished)) {
    const now = new Date();
    await utimes(finished, now, now).catch(() => {}); // another user's build serves us too; its owner tidies it
    return finished;
  }
  const building =
    underWay.get(finished) ?? build(recipe, cache, finished, say).finally(() => underWay.delete(finished));
  underWay.set(finished, building);
  return building;
}

async function build(recipe: Recipe, cache: string, finished: string, say: Say): Promise<string> {
  const unfinished = `${finished}.${process.pid}.tmp`;
  say(`building ${recipe.name}`);
  const began = performance.now();
  const forget = atProcessEnd(() => rmSync(unfinished, { recursive: true, force: true }));
  try {
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true });
    await recipe.build(unfinished);
    await rename(unfinished, finished).catch(async (error: unknown) => {
      // Another process has built the same meanwhile; its build is as good as ours.
      if (!ALREADY_THERE.has(errorCode(error))) throw error;
      await rm(unfinished, { recursive: true });
    });
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw error;
  } finally {
    forget();
  }
  say(`built ${recipe.name} in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  await forgetOlder(cache, recipe.name, finished);
  return finished;
}

async function hashOf(recipe: Recipe): Promise<string> {
  const hash = createHash("sha256");
  for (const input of recipe.inputs) hash.update(input).update("\0");
  for (const file of recipe.files ?? []) await hashFile(hash, file);
  return hash.digest("hex").slice(0, 16);
}

async function hashFile(hash: ReturnType<typeof createHash>, path: string): Promise<void> {
  if ((await stat(path)).isDirectory()) {
    for (const entry of (await readdir(path)).sort()) await hashFile(hash, join(path, entry));
    return;
  }
  hash.update(path.slice(path.lastIndexOf("/"))).update("\0");
  hash.update(await readFile(path)).update("\0");
}

async function forgetOlder(cache: string, name: string, keep: string): Promise<void> {
  for (const entry of await readdir(cache)) {
    const path = join(cache, entry);
    // NAME-HASH, or NAME-HASH.PID.tmp of a build under way or killed
    const [, itsName, builder] = /^(.*)-[0-9a-f]{16}(?:\.(\d+)\.tmp)?$/.exec(entry) ?? [];
    if (itsName !== name || path === keep) continue;
    const used = await stat(path).catch(() => undefined); // gone meanwhile: another process tidies too
    if (used === undefined) continue;
    const left = builder !== undefined && !isRunning(Number(builder));
    if (left || Date.now() - used.mtimeMs > KEPT_MS) await rm(path, { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) !== "ESRCH";
  }
}
