/** The real daemon, natively and watched: what it does of itself while it feeds, and that it does not grow. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { buildGuest, type GuestBinaries } from "@bernard/guest/build";
import { ensureInstalled } from "@bernard/tools";

/** Ten rounds a second, with checks of each kind; nothing is fed, for this machine has no watchdog device to spare. */
const conf = (dir: string): string => `watchdog-device = none
interval = 0.1
realtime = no
channel = none
disk = ${dir}
disk-probe-interval = 1
state-directory = ${dir}/state
runtime-directory = ${dir}/run
file = ${dir}/conf
pidfile = ${dir}/pid
test-binary = /bin/true
test-timeout = 10
log-dir = none
`;

const ROUNDS = 60;

/** What a daemon opens that never waits for a disk. */
const IN_MEMORY = /^"\/(proc|sys|run|dev)\//;

/** KiB that a page or so more is: what the allocator and the kernel round to. */
const A_PAGE_OR_SO = 16;

/** Rounds of bernard-guest-tests, half of them before its first look at its size; `make bench` does ten times as many. */
const SCRIPTED_ROUNDS = 100_000;

suite("the daemon on its feeding path", () => {
  let dir = "";
  let built: GuestBinaries;

  before(async () => {
    await ensureInstalled(["strace"], () => {});
    built = await buildGuest("x86_64", () => {});
    dir = await mkdtemp(join(tmpdir(), "bernard-test-"));
    await writeFile(join(dir, "conf"), conf(dir));
    await writeFile(join(dir, "pid"), `${process.pid}\n`);
  });
  after(() => rm(dir, { recursive: true }));

  /** Starts it; resolves with its process id when it does its rounds. It ends with the test. */
  async function start(t: TestContext): Promise<number> {
    const daemon = spawn(built.daemon, ["--config", join(dir, "conf")], { stdio: ["ignore", "ignore", "pipe"] });
    t.after(() => end(daemon));
    await new Promise<void>((resolve) => {
      daemon.stderr.on("data", (text) => String(text).includes("feeding nothing") && resolve());
    });
    return daemon.pid as number;
  }

  test(`forks nothing and waits for no disk in ${ROUNDS} rounds`, async (t) => {
    const pid = await start(t);
    const log = join(dir, "calls");
    const calls = async () => (await readFile(log, "utf8").catch(() => "")).split("\n");
    const watched = ["-e", "trace=%process,%file,%desc", "-e", "signal=none"];
    const tracer = spawn("strace", ["-p", `${pid}`, "-o", log, ...watched], { stdio: "ignore" });
    // Each round takes the time by its own clock, but reads /proc/meminfo's place in the order of checks once.
    const first = (call: string) => call.startsWith("pread64(") && call.includes("MemTotal");
    while ((await calls()).filter(first).length < ROUNDS) await delay(100);
    await end(tracer);
    const named = (names: string) => async () =>
      (await calls()).filter((call) => new RegExp(`^(?:${names})\\w*\\(`).test(call));
    const opened = await named("open|stat|access|readlink|unlink|rename|mkdir|statfs|newfstat")();
    const paths = opened.map((call) => call.slice(call.indexOf('"')));
    assert.ok(paths.length > 0, "it was watched at its work");
    assert.deepEqual(
      paths.filter((path) => !IN_MEMORY.test(path)),
      [],
    );
    assert.deepEqual(await named("clone|fork|vfork|execve|fsync|fdatasync|sync")(), []);
  });

  test("is as large after 450 rounds as after 150", async (t) => {
    const pid = await start(t);
    await delay(15_000);
    const before = await resident(pid);
    await delay(30_000);
    const later = await resident(pid);
    t.diagnostic(`${before} KiB, then ${later} KiB`);
    assert.ok(later - before <= A_PAGE_OR_SO, `it has grown from ${before} KiB to ${later} KiB`);
  });

  test(`is as large after ${SCRIPTED_ROUNDS} rounds with every kind of trouble as after half of them`, (t) => {
    const { stdout } = spawnSync(built.tests, ["rounds", `${SCRIPTED_ROUNDS}`]);
    t.diagnostic(stdout.toString());
    const sizes = Array.from(stdout.toString().matchAll(/: (\d+) KiB/g), ([, kib]) => Number(kib));
    assert.equal(sizes.length, 2);
    assert.ok((sizes[1] as number) - (sizes[0] as number) <= A_PAGE_OR_SO, stdout.toString());
  });
});

async function resident(pid: number): Promise<number> {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}
