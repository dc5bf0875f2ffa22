/** bernard-guest as it is called: every way to call it wrong gives one line and the documented exit code. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { after, before, suite, test } from "node:test";
import { buildGuest } from "@bernard/guest/build";

suite("bernard-guest", () => {
  let dir = "";
  let binary = "";

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), "bernard-test-"));
    binary = (await buildGuest("x86_64", () => {})).daemon;
  });
  after(() => rm(dir, { recursive: true }));

  /** Runs it with a configuration file of this text as its last argument. */
  async function call(args: readonly string[], conf?: string) {
    const file = join(dir, "conf");
    if (conf !== undefined) await writeFile(file, conf);
    const { status, stdout, stderr } = spawnSync(
      binary,
      args.map((arg) => (arg === "CONF" ? file : arg)),
    );
    return { status, stdout: stdout.toString(), stderr: stderr.toString().replaceAll(dir, "DIR") };
  }

  const refusals: readonly [
    name: string,
    args: readonly string[],
    conf: string | undefined,
    status: number,
    stderr: string,
  ][] = [
    [
      "an unknown option",
      ["--verbose"],
      undefined,
      2,
      "bernard-guest: unknown or second option '--verbose'; see bernard-guest --help\n",
    ],
    [
      "two tools at once",
      ["--check", "--once"],
      undefined,
      2,
      "bernard-guest: unknown or second option '--once'; see bernard-guest --help\n",
    ],
    [
      "--config without a file",
      ["--check", "--config"],
      undefined,
      2,
      "bernard-guest: --config needs a file; see bernard-guest --help\n",
    ],
    [
      "a missing file",
      ["--check", "--config", "/nowhere"],
      undefined,
      2,
      "bernard-guest: /nowhere: no such file; name another with --config FILE\n",
    ],
    ["a folder", ["--config", "/"], undefined, 2, "bernard-guest: /: a folder; name another with --config FILE\n"],
    [
      "an unknown key",
      ["--check", "--config", "CONF"],
      "colour = red",
      2,
      "bernard-guest: DIR/conf:1: unknown key 'colour'; see bernard-guest --help\n",
    ],
    [
      "a bad number",
      ["--config", "CONF"],
      "\n\ninterval = soon",
      2,
      "bernard-guest: DIR/conf:3: interval: 'soon' is not a number from 0.1 to 60 (seconds)\n",
    ],
    [
      "a file that includes what is not there",
      ["--check", "--config", "CONF"],
      "include = /nowhere/\ninclude = /nowhere/x",
      2,
      "bernard-guest: DIR/conf:2: include: /nowhere/x: no such file\n",
    ],
    [
      "a test program that is not there, and one that is none",
      ["--check", "--config", "CONF"],
      "test-binary = /bin/true\ntest-binary = /bin\nrepair-binary = /nowhere",
      2,
      "bernard-guest: DIR/conf:2: test-binary: '/bin' is no program; install it, or make it executable\n" +
        "bernard-guest: DIR/conf:3: repair-binary: '/nowhere' is no program; install it, or make it executable\n",
    ],
    [
      "an interval that one late feed would not survive",
      ["--check", "--config", "CONF"],
      "watchdog-timeout = 10\ninterval = 6",
      2,
      "bernard-guest: DIR/conf: interval 6 s is over half of watchdog-timeout 10 s: one late feed would fire; lower it\n",
    ],
    [
      "a missing device",
      ["--config", "CONF"],
      "watchdog-device = /dev/nowhere\nrealtime = no\ndisk = none\nchannel = none",
      3,
      "bernard-guest: /dev/nowhere: no such device; give the guest a watchdog and load its driver (modprobe i6300esb, wdat_wdt or ib700wdt)\n",
    ],
    [
      "a file that is no device",
      ["--config", "CONF"],
      "watchdog-device = /dev/null\nrealtime = no\ndisk = none\nchannel = none",
      3,
      "bernard-guest: /dev/null: not a watchdog device (no answer to WDIOC_GETSUPPORT); name another as watchdog-device\n",
    ],
  ];
  for (const [name, args, conf, status, stderr] of refusals) {
    test(`refuses ${name}`, async () => {
      assert.deepEqual(await call(args, conf), { status, stdout: "", stderr });
    });
  }

  test("an unreadable file is named, to whoever may not read it", async () => {
    const file = join(dir, "secret");
    await writeFile(file, "");
    await chmod(file, 0);
    await chmod(dir, 0o755);
    const copy = join(dir, "bernard-guest");
    spawnSync("cp", [binary, copy]);
    const { status, stderr } = spawnSync(copy, ["--check", "--config", file], { uid: 65534, gid: 65534 });
    assert.deepEqual(
      [status, stderr.toString()],
      [2, `bernard-guest: ${file}: cannot be read (errno 13); name another with --config FILE\n`],
    );
  });

  test("--check accepts the README's configuration", async () => {
    const readme = (await readFile(join(import.meta.dirname, "../../../README.md"))).toString();
    const example = /```ini\n(.*?)```/s.exec(readme)?.[1]?.replaceAll(/^ +/gm, "") ?? "";
    assert.match(example, /^watchdog-timeout = /);
    const { status, stdout } = await call(["--check", "--config", "CONF"], example);
    assert.deepEqual([status, stdout.endsWith("conf: valid\n")], [0, true]);
  });

  test("a folder of files is read by name; what is without effect is told once", async () => {
    const folder = join(dir, "conf.d");
    await mkdir(folder);
    await writeFile(join(folder, "2.conf"), "interval = 2\nadmin = root\n");
    await writeFile(join(folder, "1.conf"), "interval = 1\nlogtick =\n");
    await writeFile(join(folder, "3.conf~"), "interval = x\n");
    const { status, stdout, stderr } = await call(["--check", "--config", "CONF"], `include = ${folder}\n`);
    assert.deepEqual([status, stdout.endsWith("conf: valid\n")], [0, true]);
    assert.match(stderr, /^bernard-guest: DIR\/conf: without effect: logtick \([^;]+\); admin \([^;]+\)\n$/);
  });

  test("--once runs the test programs of a folder", async () => {
    const folder = join(dir, "watchdog.d");
    await mkdir(folder);
    await writeFile(join(folder, "bad"), "#!/bin/sh\necho $1; exit 42\n", { mode: 0o755 });
    await writeFile(join(folder, "well"), "#!/bin/sh\nexit 0\n", { mode: 0o755 });
    await writeFile(join(folder, "no-program"), "#!/bin/sh\n", { mode: 0o644 });
    const log = join(dir, "log");
    const conf = `test-directory = ${folder}\nlog-dir = ${log}\ndisk = none\nmin-available = 0\n`;
    const { status, stdout } = await call(["--once", "--config", "CONF"], conf);
    assert.equal(status, 1);
    assert.match(stdout, /\nscript:\S+\/bad +failing +\S+\/bad failed with exit code 42 \(exit_code=42\)\n/);
    assert.match(stdout, /\nscript:\S+\/well +healthy +exit_code=0\n/);
    assert.ok(!stdout.includes("no-program"));
    const logged = `${join(folder, "bad").slice(1).replaceAll("/", "-")}.stdout`;
    assert.equal((await readFile(join(log, logged))).toString(), "test\n");
  });

  test("--once looks at as much as a configuration may name, all at a time", async () => {
    const pidFile = join(dir, "dead.pid");
    await writeFile(pidFile, "2147483647\n");
    const many = (line: (index: number) => string) => Array.from({ length: 32 }, (_, index) => line(index)).join("\n");
    const conf = [
      "disk = none\nmin-available = 0\ntest-directory = none",
      many((index) => `file = ${dir}${"/.".repeat(index)}`),
      many((index) => `pidfile = ${dir}${"/.".repeat(index)}/dead.pid`),
      many((index) => `process = nobody-${index}`),
    ].join("\n");
    const { status, stdout } = await call(["--once", "--config", "CONF"], conf);
    assert.equal(status, 1);
    assert.equal(stdout.match(/^file:\S+ +healthy +unchanged_s=/gm)?.length, 32);
    assert.equal(stdout.match(/^pidfile:\S+ +failing +process 2147483647 of /gm)?.length, 32);
    assert.equal(stdout.match(/^process:\S+ +failing +no process is called /gm)?.length, 32);
  });

  test("--help names every key with its default and range", async () => {
    const { status, stdout } = await call(["--help"]);
    assert.equal(status, 0);
    for (const line of [
      "watchdog-timeout = 30  (1 to 2046, seconds)",
      "realtime = yes  (yes or no)",
      "disk = auto  (absolute path, auto or none; may be repeated)",
    ]) {
      assert.ok(stdout.includes(line), line);
    }
  });

  test("--once prints a table, and exits 1 when something is wrong", async () => {
    const mountPoint = "/dev/shm";
    const well = await call(["--once", "--config", "CONF"], `disk = ${mountPoint}`);
    assert.deepEqual([well.status, well.stderr], [0, ""]);
    assert.match(well.stdout, /^memory +healthy +available_kib=\d+ /);
    assert.match(well.stdout, /\ndisk:\/dev\/shm +healthy +writable=1 /);
    assert.deepEqual(
      (await readdir(mountPoint)).filter((name) => name.includes("bernard")),
      [],
      "the probe leaves nothing",
    );
    const bad = await call(["--once", "--config", "CONF"], "disk = /nowhere\nmin-available = 0");
    assert.deepEqual(
      [bad.status, /^disk:\/nowhere +failing +nothing is mounted at \/nowhere \(/m.test(bad.stdout)],
      [1, true],
    );
    const readOnly = await call(["--once", "--config", "CONF"], "disk = /proc\nmin-available = 0");
    assert.equal(readOnly.status, 0, "what cannot be written by its nature is no failure");
  });

  test("the daemon says what it does and stops on SIGTERM; its probe ends with it, even when it is killed", async (t) => {
    const file = join(dir, "daemon.conf");
    await writeFile(file, "watchdog-device = none\nrealtime = no\ndisk = /dev/shm\nchannel = none\n");
    for (const [signal, ending] of [
      ["SIGTERM", [0, null]],
      ["SIGKILL", [null, "SIGKILL"]],
    ] as const) {
      const daemon = spawn(binary, ["--config", file], { stdio: ["ignore", "ignore", "pipe"] });
      t.after(() => daemon.kill("SIGKILL"));
      const exit = once(daemon, "exit");
      const said = createInterface({ input: daemon.stderr });
      for await (const line of said) {
        if (line.startsWith("warning: not protected")) continue; // where this machine does not let us be
        assert.match(line, /^bernard-guest 0\.1\.0: feeding nothing.*; checks: memory .*disk:\/dev\/shm/);
        daemon.kill("SIGHUP"); // no end: what follows is the signal's doing
        daemon.kill(signal);
        break;
      }
      // The probe holds standard error too: its end is the end of both.
      daemon.stderr.resume();
      await once(daemon, "close");
      assert.deepEqual(await exit, ending);
    }
  });

  test("a spawner that somebody has stopped goes on within seconds: no check takes its silence for trouble", {
    timeout: 40_000,
  }, async (t) => {
    const program = join(dir, "tells-runs");
    await writeFile(program, "#!/bin/sh\necho ran >&3\n", { mode: 0o755 });
    const file = join(dir, "stopped.conf");
    const common = "watchdog-device = none\nrealtime = no\ndisk = none\nchannel = none\nstate-directory = none\n";
    await writeFile(file, `${common}runtime-directory = none\nlog-dir = none\ntest-binary = ${program}\n`);
    const daemon = spawn(binary, ["--config", file], { stdio: ["ignore", "ignore", "ignore", "pipe"] });
    t.after(() => daemon.kill("SIGKILL"));
    const runs = daemon.stdio[3] as Readable;
    await once(runs, "data");
    const spawner = Number(await readFile(`/proc/${daemon.pid}/task/${daemon.pid}/children`));
    process.kill(spawner, "SIGSTOP");
    await once(runs, "data"); // it may have been started before
    await once(runs, "data");
  });
});
