/** The daemon's sockets, asked and told by real programs: its commands, heartbeats, and whatever else somebody sends there. */
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, unlink, writeFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, suite, type TestContext, test } from "node:test";
import { type Arch, buildGuest, packagesFor } from "@bernard/guest/build";
import { ensureInstalled, run } from "@bernard/tools";

interface Answer {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Readings {
  readonly beats: number;
  readonly stopped: number;
  readonly ignored: number;
  readonly silent_s?: number;
}

/** A running daemon that feeds nothing, and its client. */
interface Stage {
  readonly pid: number;
  readonly sockets: string;
  call(...args: readonly string[]): Promise<Answer>;
  /** Gives it another configuration, with these lines. */
  configure(lines: string): Promise<void>;
  /** The readings of one check, as the last round saw it. */
  readings(check: string): Promise<Readings>;
  stop(): Promise<void>;
}

interface Elsewhere {
  /** Where its sockets are, instead of in a folder of its own. */
  readonly sockets?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** KiB that a process has in memory. */
async function resident(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}

async function descriptors(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

/** Until the daemon has hung up, or cut the line. */
function untilClosed(client: Socket): Promise<void> {
  client.on("error", () => {});
  client.resume();
  return new Promise((resolve) => client.on("close", () => resolve()));
}

async function untilListening(daemon: ChildProcess): Promise<void> {
  for await (const line of createInterface({ input: daemon.stderr as NodeJS.ReadableStream })) {
    if (line.startsWith("bernard-guest ")) break;
  }
  daemon.stderr?.resume();
}

suite("the daemon's sockets", { concurrency: 2 }, () => {
  let dir = "";
  let datagrams = "";

  before(async () => {
    await ensureInstalled(packagesFor("x86_64"), () => {});
    dir = await mkdtemp(join(tmpdir(), "bernard-test-"));
    datagrams = join(dir, "datagrams");
    await run("gcc", ["-o", datagrams, join(import.meta.dirname, "fixtures/datagrams.c")]);
  });
  after(() => rm(dir, { recursive: true }));

  /** Sends so many datagrams of every kind; how many were taken. Their sender lives until the test ends. */
  async function flood(t: TestContext, socket: string, count: number, name: string, uid = 0): Promise<number> {
    const sender = spawn(datagrams, [socket, String(count), name], { stdio: ["pipe", "pipe", "inherit"], uid });
    t.after(() => sender.kill());
    const [taken] = await once(sender.stdout, "data");
    return Number(taken);
  }

  async function start(t: TestContext, arch: Arch, conf: string, elsewhere: Elsewhere = {}): Promise<Stage> {
    const binary = (await buildGuest(arch, () => {})).daemon;
    const home = await mkdtemp(join(dir, "daemon-"));
    const file = join(home, "conf");
    const fixed = ["watchdog-device = none", "realtime = no", "disk = none", "channel = none", "interval = 0.1"];
    const sockets = elsewhere.sockets ?? join(home, "run");
    const folders = [`runtime-directory = ${sockets}`, `state-directory = ${home}/state`];
    const configure = (lines: string) =>
      writeFile(file, [...fixed, ...folders, "mode = observe", "grace = 0", lines, ""].join("\n"));
    await configure(conf);
    const env = { ...process.env, ...elsewhere.env };
    const daemon = spawn(binary, ["--config", file], { stdio: ["ignore", "ignore", "pipe"], env });
    t.after(() => daemon.kill("SIGKILL"));
    await untilListening(daemon);
    const call = (...args: readonly string[]) =>
      new Promise<Answer>((resolve) => {
        execFile(binary, ["--config", file, ...args], (error, stdout, stderr) => {
          resolve({ status: Number(error?.code ?? 0), stdout, stderr: stderr.replaceAll(home, "HOME") });
        });
      });
    return {
      pid: daemon.pid as number,
      sockets,
      call,
      configure,
      async readings(check) {
        const { stdout } = await call("status", "--json");
        const found = JSON.parse(stdout).checks.find(({ name }: { name: string }) => name === check);
        assert.ok(found, `${check} is among the checks`);
        return found.readings;
      },
      async stop() {
        daemon.kill("SIGTERM");
        await once(daemon, "exit");
      },
    };
  }

  /** Looks again until `condition` holds; the test's own deadline ends what never does. */
  async function until<T>(look: () => Promise<T>, condition: (seen: T) => boolean): Promise<T> {
    for (;;) {
      const seen = await look();
      if (condition(seen)) return seen;
    }
  }

  for (const arch of ["x86_64", "i386"] as const) {
    test(`${arch}: every command says what it did, and exits as documented`, async (t) => {
      const { call, stop } = await start(t, arch, "min-available = 0\nheartbeat = my app 60\nheartbeat-end = alarm");
      const status = await call("status");
      assert.deepEqual([status.status, status.stderr], [1, ""]);
      assert.match(status.stdout, /^NOTHING IS FED, there is no watchdog device, all healthy\nmode observe: /);
      assert.match(
        status.stdout,
        /\nheartbeat:my app +healthy +beats=0 stopped=0 ignored=0; limit: WATCHDOG=1 within 60 s\n/,
      );
      assert.deepEqual(await call("mute", "10m"), {
        status: 0,
        stdout: "muted for 10 min: nothing is ended, the guest is fed\n",
        stderr: "",
      });
      const muted = JSON.parse((await call("status", "--json")).stdout).muted_for_s;
      assert.ok(muted > 0 && muted <= 600, `${muted}`);
      assert.deepEqual(await call("unmute"), { status: 0, stdout: "no longer muted\n", stderr: "" });
      assert.equal(JSON.parse((await call("status", "--json")).stdout).muted_for_s, 0);
      assert.deepEqual(await call("last"), {
        status: 0,
        stdout: "nothing tells that the watchdog or bernard-guest ended the previous boot\n",
        stderr: "",
      });
      assert.deepEqual(await call("heartbeat", "my app"), { status: 0, stdout: "", stderr: "" });
      const beaten = await until(
        () => call("check", "heartbeat:my app"),
        ({ stdout }) => stdout.includes("beats=1"),
      );
      assert.deepEqual([beaten.status, beaten.stderr], [0, ""]);
      assert.deepEqual(await call("heartbeat", "my app", "WATCHDOG=trigger"), { status: 0, stdout: "", stderr: "" });
      const failed = await until(
        () => call("check", "heartbeat:my app"),
        ({ status }) => status === 1,
      );
      assert.match(
        failed.stdout,
        /^heartbeat:my app {2}failed {2}my app asks for the end itself \(WATCHDOG=trigger\), only told /,
      );
      assert.deepEqual(await call("check", "nothing"), {
        status: 3,
        stdout: "",
        stderr: "bernard-guest: there is no check 'nothing'\n",
      });
      await stop();
      assert.deepEqual(await call("status"), {
        status: 3,
        stdout: "",
        stderr:
          "bernard-guest: HOME/run/control: nobody listens there; is the daemon running, with this configuration?\n",
      });
      assert.equal((await call("last")).status, 0, "that is known without a daemon too");
    });
  }

  test("mistakes of whoever types are told before the daemon is asked", async (t) => {
    const { call } = await start(t, "x86_64", "");
    for (const [args, problem] of [
      [["mute"], "write 'bernard-guest mute TIME'"],
      [["mute", "10"], "mute: '10' is no time from 1s to 24h; write 30s, 10m or 2h"],
      [["mute", "25h"], "mute: '25h' is no time from 1s to 24h; write 30s, 10m or 2h"],
      [["status", "now"], "write 'bernard-guest status'"],
      [["unmute", "--json"], "unmute knows no --json"],
      [["--json"], "--json needs a command"],
      [["--once", "status"], "--once stands alone"],
      [["feed"], "unknown command 'feed'"],
    ] as const) {
      assert.deepEqual(await call(...args), {
        status: 2,
        stdout: "",
        stderr: `bernard-guest: ${problem}; see bernard-guest --help\n`,
      });
    }
  });

  test("programs are known by their name and their user; nobody else gets a word in", async (t) => {
    const { sockets, call, readings } = await start(
      t,
      "x86_64",
      "heartbeat = worker 60\nheartbeat = other 60 uid=1000",
    );
    assert.deepEqual(
      await Promise.all(
        ["control", "notify", "notify.1000"].map(async (name) =>
          ((await stat(join(sockets, name))).mode & 0o777).toString(8),
        ),
      ),
      ["600", "600", "600"],
      "the kernel keeps others out",
    );
    assert.equal((await stat(join(sockets, "notify.1000"))).uid, 1000);
    for (const folder of [dir, join(sockets, "..")]) await chmod(folder, 0o755);
    assert.equal(await flood(t, join(sockets, "notify"), 5, "worker", 1000), 0, "no other user");
    assert.equal(await flood(t, join(sockets, "notify"), 5, "worker"), 5);
    assert.equal(await flood(t, join(sockets, "notify"), 5, "stranger"), 5);
    assert.equal(await flood(t, join(sockets, "notify.1000"), 5, "other"), 5, "root may, but is another user");
    const seen = await until(
      () => readings("heartbeat:worker"),
      ({ beats, ignored }) => beats === 1 && ignored === 6,
    );
    assert.deepEqual([seen.stopped, "silent_s" in seen], [0, true]);
    assert.deepEqual(
      await until(
        () => readings("heartbeat:1000/other"),
        ({ ignored }) => ignored === 5,
      ),
      {
        beats: 0,
        stopped: 0,
        ignored: 5,
      },
    );
    assert.equal(
      (await call("check", "heartbeat:worker")).stdout.includes("WATCHDOG=1 within 3 s"),
      true,
      "its own time",
    );
  });

  test("a socket that somebody removed is made anew before a program is blamed; one that a daemon listens on is not taken", async (t) => {
    const first = await start(t, "x86_64", "heartbeat = worker 1");
    assert.equal((await first.call("heartbeat", "worker")).status, 0);
    await until(
      () => first.readings("heartbeat:worker"),
      ({ beats }) => beats === 1,
    );
    await unlink(join(first.sockets, "notify"));
    await until(
      () => readdir(first.sockets),
      (names) => names.includes("notify"),
    );
    assert.equal((await first.call("heartbeat", "worker")).status, 0, "heard again");
    await until(
      () => first.readings("heartbeat:worker"),
      ({ beats }) => beats === 2,
    );
    const record = JSON.parse((await first.call("status", "--json")).stdout).would_fire;
    assert.deepEqual(record, [], "nobody was blamed");

    const second = await start(t, "x86_64", "heartbeat = worker 60", { sockets: first.sockets });
    await second.stop();
    assert.equal((await first.call("heartbeat", "worker")).status, 0);
  });

  test("a reload is asked for, and the client finds whoever runs afterwards", async (t) => {
    const { call, configure, readings } = await start(t, "x86_64", "heartbeat = before 60");
    await configure("heartbeat = after 60");
    assert.equal((await call("reload")).status, 0);
    await until(
      () => call("status"),
      ({ stdout }) => stdout.includes("heartbeat:after"),
    );
    assert.equal((await call("heartbeat", "after")).status, 0);
    await until(
      () => readings("heartbeat:after"),
      ({ beats }) => beats === 1,
    );
  });

  test("the service manager hears when it feeds and when it stops, as any program's heartbeats are heard", async (t) => {
    const manager = await start(t, "x86_64", "heartbeat = bernard-guest 60");
    const env = { NOTIFY_SOCKET: join(manager.sockets, "notify") };
    const service = await start(t, "i386", "", { env });
    await until(
      () => manager.readings("heartbeat:bernard-guest"),
      ({ beats, stopped }) => beats === 1 && stopped === 0,
    );
    await service.stop();
    await until(
      () => manager.readings("heartbeat:bernard-guest"),
      ({ stopped }) => stopped === 1,
    );
  });

  test("without its folder it runs on, and makes the sockets when there is one", async (t) => {
    const missing = join(dir, "missing");
    const { call, pid } = await start(t, "x86_64", "heartbeat = worker 60", { sockets: join(missing, "run") });
    assert.equal((await call("status")).status, 3);
    await mkdir(missing);
    await until(
      () => call("status"),
      ({ status }) => status === 1,
    );
    await until(
      () => call("heartbeat", "worker"),
      ({ status }) => status === 0,
    );
    assert.ok((await descriptors(pid)) > 0, "it is still the same one");
  });

  test("floods, garbage and clients that say nothing cost no memory and no descriptor, and no round", async (t) => {
    const { pid, sockets, call, readings } = await start(t, "x86_64", "heartbeat = worker 60");
    const notify = join(sockets, "notify");
    const control = join(sockets, "control");
    const pester = async (connections: number) => {
      for (let n = 0; n < connections; n++) {
        const client = connect(control);
        const closed = untilClosed(client);
        if (n % 5 === 0) client.end();
        else if (n % 5 === 1) client.end("x".repeat(20_000));
        else if (n % 5 === 2) client.end(Buffer.from([0, 255, 10, 10]));
        else if (n % 5 === 3) client.end("status\n".repeat(100));
        else client.end("statu");
        await closed;
      }
    };
    await flood(t, notify, 5000, "worker");
    await pester(50);
    await call("status");
    const before = { resident: await resident(pid), descriptors: await descriptors(pid) };

    const flooding = flood(t, notify, 100_000, "worker");
    let isOver = false;
    void flooding.then(() => {
      isOver = true;
    });
    const seen = new Set<number>();
    while (!isOver) {
      seen.add((await readings("heartbeat:worker")).beats);
    }
    assert.equal(await flooding, 100_000);
    assert.ok(seen.size > 3, `rounds went on, and told so ${seen.size} times`);
    await until(
      () => readings("heartbeat:worker"),
      ({ beats }) => beats === 21_000,
    );
    await pester(1000);
    const deaf = connect(control).on("error", () => {});
    deaf.write("status\n");
    t.after(() => deaf.destroy());
    const silent = Array.from({ length: 4 }, () => connect(control)); // as many as there is room for
    await Promise.all(silent.map(untilClosed));
    assert.equal((await call("unmute")).status, 0, "whoever asks properly is answered");
    const grown = (await resident(pid)) - before.resident;
    t.diagnostic(`${before.resident} KiB, grown by ${grown}`);
    assert.ok(grown <= 64, `grown by ${grown} KiB`);
    deaf.destroy();
    await until(
      () => descriptors(pid),
      (count) => count === before.descriptors,
    );
  });
});
