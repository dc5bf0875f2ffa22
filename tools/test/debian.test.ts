/** Debian packages: nothing is done twice or in each other's way, and apt's refusal says what to do by hand. */
import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";
import { buildRoot, ensureInstalled, UserError } from "@bernard/tools";
import { startFixture } from "./fixture.ts";

/** Puts an apt-get of ours before the machine's for the length of the test, for root and for who needs sudo. */
async function standIn(t: TestContext, script: string): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "bernard-apt-"));
  await writeFile(join(dir, "apt-get"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  await writeFile(join(dir, "sudo"), '#!/bin/sh\nexec "$@"\n', { mode: 0o755 });
  const path = process.env.PATH ?? "";
  process.env.PATH = dir + delimiter + path;
  t.after(async () => {
    process.env.PATH = path;
    await rm(dir, { recursive: true });
  });
}

/** Installs a package that nobody has; what was told of it, and how it failed. */
async function install(): Promise<{ told: string[]; error: unknown }> {
  const told: string[] = [];
  const error = await ensureInstalled(["dpkg", "bernard-has-no-such-package"], (line) => told.push(line)).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { told, error };
}

const INSTALLING = "installing Debian packages: bernard-has-no-such-package";

test("what is installed is not installed again", async (t) => {
  await standIn(t, "exit 100");
  const told: string[] = [];
  await ensureInstalled(["dpkg", "coreutils"], (line) => told.push(line));
  assert.deepEqual(told, []);
});

test("what is missing is told of, with the size of the download", async (t) => {
  await standIn(t, '[ $1 = update ] || echo "Need to get 37.2 MB of archives."');
  assert.deepEqual(await install(), { told: [INSTALLING, "downloading 37.2 MB"], error: undefined });
});

test("what apt does not know: its own words, and the command to run by hand", async (t) => {
  await standIn(t, '[ $1 = update ] || { echo "E: Unable to locate package bernard-has" >&2; exit 100; }');
  const { told, error } = await install();
  assert.deepEqual(told, [INSTALLING]);
  assert.ok(error instanceof UserError);
  assert.equal(
    error.message,
    "apt-get install ended with 100: E: Unable to locate package bernard-has; " +
      "check the network and /etc/apt, or install by hand: apt-get install bernard-has-no-such-package",
  );
});

test("old package lists that cannot be renewed are told of, and tried", async (t) => {
  await standIn(t, '[ $1 = install ] || { echo "E: no network" >&2; exit 100; }');
  const { told, error } = await install();
  const complaint = "apt-get update was not complete (apt-get update ended with 100: E: no network; check the network";
  assert.equal(error, undefined);
  assert.equal(told[0], INSTALLING);
  assert.ok(told[1]!.startsWith(complaint), told[1]);
});

test("an interrupted installation is finished first", async (t) => {
  await standIn(
    t,
    `[ $1 = update ] || [ -e "$0.tried" ] || {
      touch "$0.tried"
      printf '#!/bin/sh\\n' > "\${0%/*}/dpkg" && chmod +x "\${0%/*}/dpkg"
      echo "E: dpkg was interrupted, you must manually run 'dpkg --configure -a'" >&2
      exit 100
    }`,
  );
  assert.deepEqual(await install(), {
    told: [INSTALLING, "an earlier installation was interrupted; finishing it"],
    error: undefined,
  });
});

test("two that unpack at once wait for each other's package lists", async (t) => {
  const labels = ["a", "b"].map((label) => `test-${process.pid}-${label}`);
  const cache = join(buildRoot, "cache");
  const entries = async (label: string) => (await readdir(cache)).filter((entry) => entry.startsWith(`${label}-`));
  t.after(async () => {
    for (const label of labels)
      for (const entry of await entries(label)) await rm(join(cache, entry), { recursive: true });
  });
  // As apt does it: a second update is refused, and what is asked for meanwhile is in no list.
  await standIn(
    t,
    `case $1 in
      update) mkdir "$0.lists" || exit 100; sleep 1; rmdir "$0.lists" ;;
      download) if [ -e "$0.lists" ]; then echo "E: Unable to locate package" >&2; exit 100; fi ;;
    esac`,
  );
  const said = await Promise.all(labels.map(async (label) => (await startFixture(t, "unpack.ts", label)).said));
  for (const [index, label] of labels.entries())
    assert.equal(said[index], join(cache, (await entries(label))[0] ?? ""));
});
