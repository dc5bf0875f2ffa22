/** The packages as operators meet them: what is in them, and what their scripts do when they come, are replaced and go. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { ensureInstalled, root as repository, run, unpack } from "@bernard/tools";
import { packageTestTools, sourceTime } from "@bernard/tools/packaging";
import { parse } from "yaml";
import { checkEngine } from "../build/engine-pin.ts";
import { buildPackages } from "../package/package.ts";
import { keys } from "../src/settings.ts";
import { VERSION } from "../src/version.ts";

const quiet = () => {};

/** Names of the packages for each architecture, and what installs nothing of another machine's. */
const PACKAGES = [
  {
    deb: `bernard-guest_${VERSION}_amd64.deb`,
    rpm: `bernard-guest-${VERSION}-1.x86_64.rpm`,
    tar: "x86_64",
    machine: 62,
  },
  { deb: `bernard-guest_${VERSION}_i386.deb`, rpm: `bernard-guest-${VERSION}-1.i686.rpm`, tar: "i386", machine: 3 },
  {
    deb: `bernard-guest_${VERSION}_arm64.deb`,
    rpm: `bernard-guest-${VERSION}-1.aarch64.rpm`,
    tar: "arm64",
    machine: 183,
  },
];

/** Installing into a folder, with its chroot, needs root or its like. */
async function asRoot(command: string, args: readonly string[]): Promise<string> {
  const [program, ...words] = process.getuid?.() === 0 ? [command, ...args] : ["unshare", "-r", command, ...args];
  return (await run(program as string, words)).toString();
}

const output = async (command: string, args: readonly string[]) => (await run(command, args)).toString();

/** Every file below `dir` with its bytes, folders that are empty too. */
async function filesIn(dir: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile()) found.set(path.slice(dir.length + 1), (await readFile(path)).toString("base64"));
    else if ((await readdir(path)).length === 0) found.set(path.slice(dir.length + 1), "folder");
  }
  return new Map([...found].sort());
}

suite("packages", () => {
  let dir = "";
  let built = "";
  /** The .deb of this machine, unpacked. */
  let tree = "";
  const program = () => join(tree, "usr/sbin/bernard-guest");

  before(async () => {
    await ensureInstalled(packageTestTools, quiet);
    dir = await mkdtemp(join(tmpdir(), "bernard-test-"));
    built = join(dir, "first");
    const options = { version: VERSION, time: 1_700_000_000, say: quiet };
    await buildPackages({ ...options, out: built });
    await buildPackages({ ...options, out: join(dir, "second/folder") });
    tree = join(dir, "tree");
    await output("dpkg-deb", ["-x", join(built, PACKAGES[0]!.deb), tree]);
  });
  after(() => rm(dir, { recursive: true, force: true }));

  test("two builds give the same bytes, and SHA256SUMS is right", async () => {
    const first = await filesIn(built);
    assert.deepEqual(await filesIn(join(dir, "second/folder")), first);
    const names = [...first.keys()];
    assert.equal(names.length, 3 * PACKAGES.length + 2);
    const sums = await readFile(join(built, "SHA256SUMS"), "utf8");
    assert.deepEqual(
      sums
        .trim()
        .split("\n")
        .map((line) => line.split("  ")[1]),
      names.filter((name) => name !== "SHA256SUMS"),
    );
    assert.equal(spawnSync("sha256sum", ["--check", "--quiet", "SHA256SUMS"], { cwd: built }).status, 0);
  });

  test("SOURCE_DATE_EPOCH gives the packages their time", async (t) => {
    const former = process.env.SOURCE_DATE_EPOCH;
    t.after(() => {
      if (former === undefined) delete process.env.SOURCE_DATE_EPOCH;
      else process.env.SOURCE_DATE_EPOCH = former;
    });
    process.env.SOURCE_DATE_EPOCH = "1234567890";
    assert.equal(await sourceTime(), 1234567890);
    process.env.SOURCE_DATE_EPOCH = "yesterday";
    await assert.rejects(sourceTime(), /SOURCE_DATE_EPOCH: 'yesterday' is not a number of seconds since 1970/);
  });

  test("an engine that is not the pinned one is refused", async () => {
    const other = join(dir, "quickjs.wasm");
    await writeFile(other, "another engine");
    await assert.rejects(
      checkEngine(other),
      /quickjs\.wasm: not the pinned engine: its SHA-256 is [0-9a-f]{64}, not [0-9a-f]{64}/,
    );
  });

  for (const { deb, rpm, tar, machine } of PACKAGES) {
    test(`${tar}: .deb, .rpm and .tar.gz hold the same files, all root's`, async () => {
      const unpacked = join(dir, `deb-${tar}`);
      await output("dpkg-deb", ["-x", join(built, deb), unpacked]);
      const expected = new Map(
        [...(await filesIn(unpacked))].map(([path, bytes]) => [path.replace(/^lib\//, "usr/lib/"), bytes]),
      );
      assert.ok(expected.has("usr/lib/systemd/system/bernard-guest.service"));

      const elf = Buffer.from(expected.get("usr/sbin/bernard-guest") ?? "", "base64");
      assert.equal(elf.readUInt16LE(18), machine);

      const installed = join(dir, `rpm-${tar}`);
      const options = ["--root", installed, "--dbpath", "/rpmdb", "--nodeps", "--noscripts", "--ignorearch"];
      await mkdir(installed);
      await asRoot("rpm", [...options, "-i", join(built, rpm)]);
      await asRoot("rm", ["-r", join(installed, "rpmdb")]);
      const fromRpm = await filesIn(installed);
      assert.deepEqual(fromRpm, new Map([...expected].sort()));

      const extracted = join(dir, `tar-${tar}`);
      await mkdir(extracted);
      const archive = join(built, `bernard-guest-${VERSION}-${tar}.tar.gz`);
      await output("tar", ["-C", extracted, "--strip-components=1", "-xzf", archive]);
      assert.deepEqual(await filesIn(extracted), fromRpm);

      const owners = [
        ...(await output("dpkg-deb", ["-c", join(built, deb)])).matchAll(/^[-drwx]{10} (\S+)/gm),
        ...(await output("tar", ["-tvzf", archive])).matchAll(/^[-drwx]{10} (\S+)/gm),
      ].map(([, owner]) => owner);
      assert.deepEqual(new Set(owners), new Set(["root/root", "0/0"]));
      const query = "[%{FILEUSERNAME}/%{FILEGROUPNAME}\\n]";
      const rpmOwners = await output("rpm", ["-qp", "--qf", query, join(built, rpm)]);
      assert.deepEqual(new Set(rpmOwners.trim().split("\n")), new Set(["root/root"]));
    });
  }

  test("the packages need nothing, and conflict with those who feed the same device", async () => {
    const deb = (field: string) => output("dpkg-deb", ["-f", join(built, PACKAGES[0]!.deb), field]);
    assert.equal((await deb("Depends")).trim(), "");
    assert.equal((await deb("Pre-Depends")).trim(), "");
    assert.equal((await deb("Conflicts")).trim(), "watchdog, watchdogd");
    assert.equal((await deb("Replaces")).trim(), "watchdog, watchdogd");
    const rpm = (option: string) => output("rpm", ["-qp", option, join(built, PACKAGES[0]!.rpm)]);
    for (const need of (await rpm("--requires")).trim().split("\n")) assert.match(need, /^(\/bin\/sh$|rpmlib\()/);
    assert.equal(await rpm("--conflicts"), "watchdog\nwatchdogd\n");
    assert.equal(await rpm("--obsoletes"), "");
    assert.equal(await rpm("--configfiles"), "/etc/bernard-guest.conf\n");
    assert.match(
      await rpm("--scripts"),
      /postinstall scriptlet.*take_over.*preuninstall scriptlet.*postuninstall scriptlet/s,
    );
  });

  test("the changelog begins with this version", async () => {
    const changes = gunzipSync(await readFile(join(tree, "usr/share/doc/bernard-guest/changelog.gz"))).toString();
    assert.equal(/^bernard-guest \((\S+)\)/.exec(changes)?.[1], VERSION);
  });

  test("the sample configuration shows every key with its default, and all of them are legal", async () => {
    const sample = (await readFile(join(tree, "etc/bernard-guest.conf"))).toString();
    const shown = new Set(
      [...sample.matchAll(/^#([a-z0-9-]+) = .|^# ([a-z0-9-]+): not set/gm)].map(([, name, unset]) => name ?? unset),
    );
    const expected = keys.filter(({ type }) => type !== "retired");
    assert.deepEqual(shown, new Set(expected.map(({ name }) => name)));
    for (const key of expected) {
      if (!("fallback" in key) || typeof key.fallback === "object") continue;
      const value = { true: "yes", false: "no" }[String(key.fallback)] ?? key.fallback;
      assert.ok(sample.includes(`\n#${key.name} = ${value}\n`), key.name);
    }
    const file = join(dir, "all.conf");
    await writeFile(file, sample.replace(/^#(?=[a-z0-9-]+ = )/gm, "").replace(/^include = .*$/m, ""));
    assert.equal(await output(program(), ["--check", "--config", file]), `${file}: valid\n`);
  });

  test("the manual pages are clean, and name every option and key", async () => {
    const mandoc = join(await unpack("mandoc", ["mandoc"], quiet), "usr/bin/mandoc");
    const read = async (page: string) => {
      const file = join(tree, "usr/share/man", page);
      const lint = spawnSync(mandoc, ["-T", "lint", "-W", "warning", file]);
      assert.equal(lint.stdout.toString() + lint.stderr.toString(), "");
      const text = await output(mandoc, ["-T", "ascii", "-O", "width=200", file]);
      return text.split("\b").reduce((plain, next) => plain.slice(0, -1) + next); // bold is a letter struck twice
    };
    const help = await output(program(), ["--help"]);
    const daemon = await read("man8/bernard-guest.8.gz");
    for (const option of help.split("Keys:")[0]?.match(/--[a-z]+/g) ?? []) assert.ok(daemon.includes(option), option);
    assert.match(daemon, /^ +--check$(?:.|\n)*^ +unmute/m);
    const configuration = await read("man5/bernard-guest.conf.5.gz");
    for (const { name } of keys) assert.match(configuration, new RegExp(`^ +${name}( = |$|  )`, "m"));
  });

  test("the SBOM names what is in the binary", async () => {
    const bom = JSON.parse(await readFile(join(built, `bernard-guest-${VERSION}.cdx.json`), "utf8"));
    assert.equal(`${bom.bomFormat} ${bom.specVersion}`, "CycloneDX 1.5");
    assert.match(bom.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    const application = bom.metadata.component;
    assert.equal(`${application.name} ${application.version}`, `bernard-guest ${VERSION}`);
    const binary = createHash("sha256")
      .update(await readFile(program()))
      .digest("hex");
    assert.equal(application.components[0].hashes[0].content, binary);
    const lock = JSON.parse(await readFile(join(repository, "package-lock.json"), "utf8"));
    const quickjs = bom.components.find(({ name }: { name: string }) => name === "quickjs-wasi");
    assert.equal(quickjs.version, lock.packages["node_modules/quickjs-wasi"].version);
    const names = bom.components.map(({ name }: { name: string }) => name);
    assert.deepEqual(new Set(names), new Set(["quickjs-wasi", "wasm-rt", "musl", "libgcc"]));
    for (const { name, version, hashes } of bom.components) {
      assert.match(version, /^\d/, name);
      assert.match(hashes[0].content, /^([0-9a-f]{64}|[0-9a-f]{128})$/, name);
    }
    const refs = bom.components.map((component: { "bom-ref": string }) => component["bom-ref"]);
    assert.equal(new Set(refs).size, refs.length);
    assert.deepEqual(bom.dependencies[0].dependsOn, refs);
  });

  test("the cloud-init example is YAML, names what the package has, and its settings are legal", async () => {
    const text = await readFile(join(tree, "usr/share/doc/bernard-guest/examples/cloud-init.yaml"), "utf8");
    assert.ok(text.startsWith("#cloud-config\n"));
    const { write_files: files, runcmd } = parse(text) as {
      write_files: { path: string; content: string }[];
      runcmd: string[][];
    };
    const file = join(dir, "cloud.conf");
    assert.deepEqual(
      files.map(({ path }) => path),
      ["/etc/bernard-guest.conf"],
    );
    for (const { path, content } of files) {
      await readFile(join(tree, path));
      await writeFile(file, content);
      assert.equal(await output(program(), ["--check", "--config", file]), `${file}: valid\n`);
    }
    const commands = runcmd.flat().join("\n");
    assert.ok((await readdir(built)).includes(/for file in SHA256SUMS (\S+);/.exec(commands)?.[1] ?? ""));
    assert.equal(spawnSync("sh", ["-n", "-c", commands]).status, 0);
  });

  suite("the unit", () => {
    let system = "";
    const unit = "lib/systemd/system/bernard-guest.service";

    /** A root with Debian's own units, ours enabled, and file systems of their own for /var and /data. */
    before(async () => {
      system = join(dir, "system");
      await mkdir(join(system, "lib/systemd"), { recursive: true });
      await cp("/lib/systemd/system", join(system, "lib/systemd/system"), { recursive: true, verbatimSymlinks: true });
      await rm(join(system, "lib/systemd/system/default.target"), { force: true });
      const atShutdown = "lib/systemd/system/bernard-guest-shutdown.service";
      for (const file of [unit, atShutdown]) await cp(join(tree, file), join(system, file));
      for (const command of ["usr/sbin/bernard-guest", "sbin/modprobe", "bin/sh", "bin/kill", "bin/true"]) {
        await mkdir(join(system, command, ".."), { recursive: true });
        await cp("/bin/true", join(system, command));
      }
      const wanted = join(system, "etc/systemd/system/local-fs.target.requires");
      await mkdir(wanted, { recursive: true });
      for (const name of ["var", "data"]) {
        const order = "[Unit]\nAfter=local-fs-pre.target\nBefore=local-fs.target";
        await writeFile(join(wanted, `../${name}.mount`), `${order}\n[Mount]\nWhat=/dev/vdb\nWhere=/${name}\n`);
        await symlink(`../${name}.mount`, join(wanted, `${name}.mount`));
      }
      await output("systemctl", ["--root", system, "enable", "bernard-guest.service"]);
    });

    /** What systemd itself makes of a start of `target`. */
    function transaction(target: string): string {
      const { status, stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", `--root=${system}`, target], {
        env: { ...process.env, SYSTEMD_LOG_LEVEL: "debug" },
      });
      assert.notEqual(status, null);
      return stderr.toString();
    }

    test("says nothing that systemd does not know", () => {
      const { stderr } = spawnSync("systemd-analyze", [
        "verify",
        "--man=no",
        `--root=${system}`,
        "bernard-guest.service",
      ]);
      const complaints = stderr
        .toString()
        .split("\n")
        .filter((line) => line.includes("bernard"));
      assert.deepEqual(complaints, []);
    });

    const started = "bernard-guest.service: Installed new job bernard-guest.service/start";
    for (const [target, isStarted] of [
      ["multi-user", true],
      ["graphical", true],
      ["rescue", false],
      ["emergency", false],
      ["system-update", false],
    ] as const) {
      test(`${target}.target ${isStarted ? "starts" : "does not start"} it, without a circle in the order`, () => {
        const log = transaction(`${target}.target`);
        assert.match(log, new RegExp(`${target}.target: Installed new job ${target}.target/start`));
        assert.equal(log.includes(started), isStarted);
        assert.doesNotMatch(log, /ordering cycle[^\n]*bernard/);
      });
    }

    test("what an old watchdog package left behind does not keep it from starting", async () => {
      // As systemd-sysv-generator makes it of /etc/init.d/watchdog, which stays until that package is purged.
      const folder = join(system, "etc/systemd/system");
      const text =
        "[Unit]\nBefore=multi-user.target shutdown.target\nConflicts=shutdown.target\n[Service]\nExecStart=/bin/sh\n";
      await writeFile(join(folder, "watchdog.service"), text);
      await symlink("../watchdog.service", join(folder, "multi-user.target.wants/watchdog.service"));
      const log = transaction("multi-user.target");
      await rm(join(folder, "watchdog.service"));
      await rm(join(folder, "multi-user.target.wants/watchdog.service"));
      assert.ok(log.includes(started));
      assert.ok(!log.includes("Installed new job watchdog.service/start"));
    });

    for (const [story, job, ending] of [
      ["a stop ends the daemon by SIGTERM, and waits for its end", "Job=", "SIGTERM"],
      ["a reboot leaves it to KillSignal=, which hands over", "Job=42", undefined],
    ] as const) {
      test(story, async (t) => {
        const text = await readFile(join(tree, unit), "utf8");
        const command = /^ExecStop=\/bin\/sh -c '([^']*)'$/m.exec(text.replaceAll("\\\n", ""))?.[1];
        assert.ok(command !== undefined);
        const daemon = spawn("sleep", ["1000"]);
        t.after(() => daemon.kill("SIGKILL"));
        const ended = once(daemon, "exit");
        await mkdir(join(dir, "bin"), { recursive: true });
        await writeFile(join(dir, "bin/systemctl"), `#!/bin/sh\necho ${job}\n`, { mode: 0o755 });
        const env = { PATH: `${join(dir, "bin")}:${process.env.PATH}`, MAINPID: String(daemon.pid) };
        await once(spawn("/bin/sh", ["-c", command], { env }), "exit");
        if (ending === undefined) assert.equal(daemon.exitCode ?? daemon.signalCode, null);
        else assert.deepEqual(await ended, [null, ending]);
        assert.match(text, /^KillSignal=SIGUSR1$/m);
      });
    }
  });
});
