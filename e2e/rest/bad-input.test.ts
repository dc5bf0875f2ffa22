/** What a newcomer meets when something is missing: one line that says what to do, and a second run that just works. */
import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, suite, test } from "node:test";
import { root } from "@bernard/tools";
import { freshCheckout, pathWithout } from "./checkout.ts";
import { type End, ownTmp, Program } from "./program.ts";

/** Milliseconds after which a test has failed: it may download packages, and compile on a busy machine. */
const timeout = 300_000;

/** What make hands down to the makes below it would change their messages. */
const NO_MAKE = { MAKEFLAGS: undefined, MAKELEVEL: undefined, MFLAGS: undefined };

/** What is on standard error besides progress and make's own last word. */
const complaints = ({ stderr }: Pick<End, "stderr">): string[] =>
  stderr.split("\n").filter((line) => line !== "" && !/^(- |make: \*\*\* )/.test(line));

function assertOneLine(end: End, line: RegExp, code: number): void {
  assert.equal(end.code, code, JSON.stringify(end));
  assert.equal(complaints(end).length, 1, end.stderr);
  assert.match(complaints(end)[0]!, line);
}

/** Both binaries are there, and nothing half-built is. */
async function assertBuilt(checkout: string): Promise<void> {
  for (const arch of ["x86_64", "i386"]) {
    assert.deepEqual(await readdir(join(checkout, "build", arch)), ["bernard-guest", "bernard-guest-tests"]);
  }
  await assertNothingHalf(checkout);
}

async function assertNothingHalf(checkout: string): Promise<void> {
  const built = await readdir(join(checkout, "build/cache"));
  assert.deepEqual(
    built.filter((name) => name.endsWith(".tmp")),
    [],
  );
}

before(() => {
  assert.equal(process.getuid?.(), 0, "these tests unshare networks and mount file systems: run them as root");
});

suite("a checkout that is not set up:", { timeout }, () => {
  test("bernard names the command to run", async (t) => {
    const cwd = await freshCheckout(t, { setUp: false });
    const end = await new Program(t, ["./bernard", "demo"], { cwd }).ended;
    assertOneLine(end, /^bernard: this checkout is not set up yet; run 'make setup' in \//, 2);
  });

  test("bernard does not run from what an interrupted npm has left", async (t) => {
    const cwd = await freshCheckout(t);
    await rm(join(cwd, "node_modules/.package-lock.json"));
    const end = await new Program(t, ["./bernard", "demo"], { cwd }).ended;
    assertOneLine(end, /^bernard: this checkout is not set up yet; run 'make setup' in \//, 2);
  });

  test("without npm, make says how to get it", async (t) => {
    const cwd = await freshCheckout(t, { setUp: false });
    const env = { ...NO_MAKE, PATH: await pathWithout(t, /^npm$/) };
    const end = await new Program(t, ["make", "demo"], { cwd, env }).ended;
    assertOneLine(end, /^make: npm is missing; install it first: apt-get install npm$/, 2);
  });

  test("without a network, make says what npm missed; with one it goes on", async (t) => {
    const cwd = await freshCheckout(t, { setUp: false });
    // No cache of npm's that would do without a network, and no minute of patience with it.
    const env = { ...NO_MAKE, npm_config_cache: await ownTmp(t), npm_config_fetch_retries: "0" };
    const end = await new Program(t, ["unshare", "--net", "make", "setup"], { cwd, env }).ended;
    assertOneLine(
      end,
      /^make: npm ci failed: .*(EAI_AGAIN|ENETUNREACH|ENOTFOUND|ECONNREFUSED).*; check the network, /,
      2,
    );
    const again = await new Program(t, ["make", "setup"], { cwd, env: NO_MAKE }).ended;
    assert.equal(again.code, 0, again.stderr);
    const version = await new Program(t, ["./bernard", "--version"], { cwd }).ended;
    assert.deepEqual({ code: version.code, stderr: version.stderr }, { code: 0, stderr: "" });
  });
});

suite("programs and packages that are missing:", { timeout }, () => {
  test("QEMU is not installed, and there is no network to get it", async (t) => {
    const tmp = await ownTmp(t);
    const status = join(tmp, "status");
    const stanzas = (await readFile("/var/lib/dpkg/status", "utf8")).split("\n\n");
    await writeFile(status, stanzas.filter((text) => !/^Package: qemu-(system-x86|utils)$/m.test(text)).join("\n\n"));
    const script = `
      mount --bind ${status} /var/lib/dpkg/status
      mount -t tmpfs none /var/lib/apt/lists
      mount -t tmpfs none /var/cache/apt
      exec ./bernard demo`;
    const command = ["unshare", "--net", "--mount", "sh", "-ec", script];
    const end = await new Program(t, command, { cwd: root, env: { TMPDIR: tmp } }).ended;
    assert.match(end.stdout, /^- installing Debian packages: qemu-system-x86 qemu-utils\n/);
    assertOneLine(end, /^bernard: apt-get install .* by hand: apt-get install qemu-system-x86 qemu-utils$/, 1);
    assert.deepEqual(await readdir(tmp), ["status"]);
  });

  for (const [hidden, line] of [
    [/^qemu-img$/, /^bernard: qemu-img: no such program; install it, or complete PATH$/],
    [/^qemu-system/, /^bernard: qemu-system-x86_64 is not installed; apt-get install qemu-system-x86$/],
  ] as const) {
    test(`no ${hidden.source} on the PATH`, async (t) => {
      const tmp = await ownTmp(t);
      const env = { TMPDIR: tmp, PATH: await pathWithout(t, hidden) };
      const end = await new Program(t, ["./bernard", "demo", "--act", "hang"], { cwd: root, env }).ended;
      assertOneLine(end, line, hidden.test("qemu-img") ? 1 : 3);
      assert.deepEqual(await readdir(tmp), []);
    });
  }

  test("no network for the packages that are only unpacked", async (t) => {
    const cwd = await freshCheckout(t, { without: /^musl-i386/ });
    const end = await new Program(t, ["unshare", "--net", "make", "guest"], { cwd, env: NO_MAKE }).ended;
    assertOneLine(end, /^make guest: apt-get download .*musl-dev:i386; check the network and \/etc\/apt/, 2);
    await assertNothingHalf(cwd);
    const again = await new Program(t, ["make", "guest"], { cwd, env: NO_MAKE }).ended;
    assert.equal(again.code, 0, again.stderr);
    await assertBuilt(cwd);
  });
});

suite("files:", { timeout }, () => {
  test("a full disk while building; with room again, the next run builds", async (t) => {
    const cwd = await freshCheckout(t);
    const tmp = await ownTmp(t);
    // The slow builds fill the disk but for 1 MiB, and a binary has two.
    const script = `
      mkdir disk
      mount -t tmpfs -o size=1g none disk
      cp -a build/cache disk/
      mount --bind disk build
      mount -o remount,size=$(($(du -sk build | cut -f 1) + 1024))k disk
      make guest 2> ${tmp}/full || echo $? > ${tmp}/code
      ls build/cache > ${tmp}/left
      mount -o remount,size=1g disk
      make guest
      ls build/cache build/x86_64`;
    const end = await new Program(t, ["unshare", "--mount", "sh", "-ec", script], { cwd, env: NO_MAKE }).ended;
    assert.equal(end.code, 0, end.stderr);
    assert.equal(await readFile(join(tmp, "code"), "utf8"), "2\n");
    const full = await readFile(join(tmp, "full"), "utf8");
    assert.match(complaints({ stderr: full }).join("\n"), /^make guest: [^\n]*; free some disk space and try again$/i);
    assert.doesNotMatch(await readFile(join(tmp, "left"), "utf8"), /\.tmp$/m);
    assert.match(end.stdout, /^bernard-guest-x86_64-[0-9a-f]{16}\n/m);
    assert.doesNotMatch(end.stdout, /\.tmp$/m);
  });

  test("a full folder for temporary files", async (t) => {
    const tmp = await ownTmp(t);
    const script = `mount -t tmpfs -o size=16k none ${tmp}; exec ./bernard demo --act hang --no-twin`;
    const command = ["unshare", "--mount", "sh", "-ec", script];
    const end = await new Program(t, command, { cwd: root, env: { TMPDIR: tmp } }).ended;
    assertOneLine(end, /^bernard: .*no space left on device.*; free some disk space and try again$/i, 1);
  });

  test("a file that we may not read", async (t) => {
    const cwd = await freshCheckout(t);
    await chmod(join(cwd, "packages/guest/host/host.c"), 0o600);
    const nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];
    const end = await new Program(t, [...nobody, "make", "guest"], { cwd, env: NO_MAKE }).ended;
    assertOneLine(end, /^make guest: EACCES: .*host\.c'; run this as the user who owns that file, or as root$/, 2);
  });

  test("a checkout of another user", async (t) => {
    const cwd = await freshCheckout(t);
    const nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--"];
    const end = await new Program(t, [...nobody, "make", "guest"], { cwd, env: NO_MAKE }).ended;
    assertOneLine(end, /^make guest: EACCES: .*; run this as the user who owns that file, or as root$/, 2);
  });

  test("a folder where a file should be built", async (t) => {
    const cwd = await freshCheckout(t);
    await mkdir(join(cwd, "build/x86_64/bernard-guest"), { recursive: true });
    const end = await new Program(t, ["make", "guest"], { cwd, env: NO_MAKE }).ended;
    assertOneLine(end, /^make guest: EISDIR: .*build\/x86_64\/bernard-guest'; move that folder away/, 2);
  });
});

suite("builds:", { timeout }, () => {
  test("a build that was killed is built by the next run", async (t) => {
    const cwd = await freshCheckout(t);
    const build = new Program(t, ["make", "guest"], { cwd, env: NO_MAKE });
    await build.said(/- building bernard-guest-x86_64\n/);
    build.signal("SIGKILL", "its group");
    assert.equal((await build.ended).signal, "SIGKILL");
    const again = await new Program(t, ["make", "guest"], { cwd, env: NO_MAKE }).ended;
    assert.equal(again.code, 0, again.stderr);
    await assertBuilt(cwd);
  });

  test("two at once do not get into each other's way", async (t) => {
    const cwd = await freshCheckout(t);
    const builds = [1, 2].map(() => new Program(t, ["make", "guest"], { cwd, env: NO_MAKE }).ended);
    for (const { code, stderr } of await Promise.all(builds)) assert.equal(code, 0, stderr);
    await assertBuilt(cwd);
    assert.equal((await readdir(join(cwd, "build/cache"))).filter((name) => name.includes("guest-x86_64")).length, 1);
  });
});
