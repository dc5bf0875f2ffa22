/** What is built is built once, again when an input changes, and never found half there. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { buildRoot, cached, type Recipe } from "@bernard/tools";
import { startFixture } from "./fixture.ts";

const cache = join(buildRoot, "cache");

let names = 0;

/** A name that is this test's alone; what is built under it goes with the test. */
function ownName(t: TestContext): string {
  const name = `test-${process.pid}-${names++}`;
  t.after(async () => {
    for (const entry of await entriesOf(name)) await rm(join(cache, entry), { recursive: true });
  });
  return name;
}

const entriesOf = async (name: string): Promise<string[]> =>
  (await readdir(cache)).filter((entry) => entry.startsWith(`${name}-`));

/** A recipe that counts how often it is built. */
function counting(name: string, more: Partial<Recipe> = {}): { recipe: Recipe; builds: () => number } {
  let builds = 0;
  const build = async (dir: string) => {
    builds++;
    await writeFile(join(dir, "built"), String(builds));
  };
  return { recipe: { name, inputs: [], build, ...more }, builds: () => builds };
}

const silent = () => {};

test("a thing is built once, and told of once", async (t) => {
  const { recipe, builds } = counting(ownName(t));
  const told: string[] = [];
  const first = await cached(recipe, (line) => told.push(line));
  const second = await cached(recipe, (line) => told.push(line));
  assert.equal(first, second);
  assert.equal(await readFile(join(first, "built"), "utf8"), "1");
  assert.equal(builds(), 1);
  assert.equal(told.length, 2);
  assert.equal(told[0], `building ${recipe.name}`);
  assert.match(told[1]!, /^built .* in [\d.]+ s$/);
});

test("it is built again when an input, a file's content or a file's name changes", async (t) => {
  const name = ownName(t);
  const dir = await mkdtemp(join(tmpdir(), "bernard-inputs-"));
  t.after(() => rm(dir, { recursive: true }));
  const { recipe, builds } = counting(name, { inputs: ["a", new Uint8Array([1])], files: [dir] });
  await cached(recipe, silent);
  await cached({ ...recipe, inputs: ["b", new Uint8Array([1])] }, silent);
  await cached({ ...recipe, inputs: ["a", new Uint8Array([2])] }, silent);
  await writeFile(join(dir, "source"), "1");
  await cached(recipe, silent);
  await writeFile(join(dir, "source"), "2");
  await cached(recipe, silent);
  assert.equal(builds(), 5);
  await writeFile(join(dir, "source"), "1");
  await cached(recipe, silent);
  assert.equal(builds(), 5, "what was there before is there still");
  assert.equal((await entriesOf(name)).length, 5);
});

test("a failure leaves nothing, and the next attempt builds", async (t) => {
  const name = ownName(t);
  const { recipe, builds } = counting(name);
  const failing = async (dir: string) => {
    await writeFile(join(dir, "half"), "half");
    throw new Error("the compiler is out of ideas");
  };
  await assert.rejects(cached({ ...recipe, build: failing }, silent), /out of ideas/);
  assert.deepEqual(await entriesOf(name), []);
  await cached(recipe, silent);
  assert.equal(builds(), 1);
});

test("those who want the same thing at the same time wait for one build", async (t) => {
  const { recipe, builds } = counting(ownName(t));
  const folders = await Promise.all([cached(recipe, silent), cached(recipe, silent), cached(recipe, silent)]);
  assert.equal(new Set(folders).size, 1);
  assert.equal(builds(), 1);
});

test("who is overtaken by another process takes its build", async (t) => {
  const name = ownName(t);
  const build = async (dir: string) => {
    const finished = dir.replace(/\.\d+\.tmp$/, "");
    await mkdir(finished);
    await writeFile(join(finished, "built"), "theirs");
  };
  const folder = await cached({ name, inputs: [], build }, silent);
  assert.equal(await readFile(join(folder, "built"), "utf8"), "theirs");
  assert.equal((await entriesOf(name)).length, 1);
});

test("what a killed build has left goes with the next build; what is under way stays", async (t) => {
  const name = ownName(t);
  const killed = await startFixture(t, "slow-build.ts", name);
  killed.process.kill("SIGKILL");
  await once(killed.process, "close");
  assert.deepEqual(await readdir(killed.said), ["half"]);
  const underWay = await startFixture(t, "slow-build.ts", name);
  const finished = await cached(counting(name).recipe, silent);
  assert.ok(!existsSync(killed.said));
  assert.ok(existsSync(underWay.said));
  assert.deepEqual(await readdir(finished), ["built"]);
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(`a build that ${signal} ends leaves nothing`, async (t) => {
    const name = ownName(t);
    const { process: build } = await startFixture(t, "slow-build.ts", name);
    build.kill(signal);
    const [, endedBy] = await once(build, "close");
    assert.equal(endedBy, signal);
    assert.deepEqual(await entriesOf(name), []);
  });
}
