/** What the packages' scripts do when they come, are replaced and go: dpkg and rpm install into a root of their own, with a stand-in for systemd. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, suite, test } from "node:test";
import { ensureInstalled, run, unpack } from "@bernard/tools";
import { packageTestTools } from "@bernard/tools/packaging";
import { buildPackages } from "../package/package.ts";
import { VERSION } from "../src/version.ts";

const quiet = () => {};

const NEWER = `${VERSION}+newer`;

/** Tells what it was asked, and keeps whether the unit is active. */
const STAND_IN = `#!/bin/sh
echo "\${0##*/} $*" >>/calls
case "\${0##*/} $*" in
  *" start "* | *"enable --now "*) touch /active ;;
  *" stop "* | *"disable --now "*) rm -f /active ;;
  *is-active*) [ -e /active ] ;;
esac
`;

const FORMER_SCRIPT = '#!/bin/sh\necho "watchdog prerm $1 $2" >>/calls\n';

suite("a package's life", () => {
  let dir = "";
  let busybox = "";
  let debs = { ours: "", newer: "", former: "" };
  let rpm = "";
  /** A small system: busybox, the stand-ins, nothing else. */
  let root = "";

  const at = (path: string) => join(root, path);
  const text = (path: string) => readFile(at(path), "utf8");

  before(async () => {
    await ensureInstalled(packageTestTools, quiet);
    busybox = join(await unpack("busybox", ["busybox-static"], quiet), "bin/busybox");
    dir = await mkdtemp(join(tmpdir(), "bernard-test-"));
    const built = join(dir, "built");
    await buildPackages({ version: VERSION, time: 1_700_000_000, out: built, say: quiet });
    rpm = join(built, `bernard-guest-${VERSION}-1.x86_64.rpm`);
    const ours = join(built, `bernard-guest_${VERSION}_amd64.deb`);

    const newer = join(dir, "newer");
    await run("dpkg-deb", ["-R", ours, newer]);
    const control = await readFile(join(newer, "DEBIAN/control"), "utf8");
    await writeFile(join(newer, "DEBIAN/control"), control.replace(`Version: ${VERSION}`, `Version: ${NEWER}`));
    const former = join(dir, "former");
    await mkdir(join(former, "DEBIAN"), { recursive: true });
    await mkdir(join(former, "etc/default"), { recursive: true });
    await writeFile(join(former, "etc/watchdog.conf"), "watchdog-timeout = 45\nrealtime = yes\npriority = 1\n");
    await writeFile(join(former, "etc/default/watchdog"), 'run_watchdog=1\nwatchdog_module="ib700wdt"\n');
    await writeFile(
      join(former, "DEBIAN/control"),
      "Package: watchdog\nVersion: 5.16-1\nArchitecture: amd64\nMaintainer: nobody <nobody@localhost>\nDescription: stand-in\n",
    );
    await writeFile(join(former, "DEBIAN/conffiles"), "/etc/watchdog.conf\n/etc/default/watchdog\n");
    await writeFile(join(former, "DEBIAN/prerm"), FORMER_SCRIPT, { mode: 0o755 });
    debs = { ours, newer: await pack(newer), former: await pack(former) };
  });
  after(() => rm(dir, { recursive: true, force: true }));

  async function pack(folder: string): Promise<string> {
    await run("dpkg-deb", ["--root-owner-group", "-Znone", "-b", folder, `${folder}.deb`]);
    return `${folder}.deb`;
  }

  beforeEach(async () => {
    root = await mkdtemp(join(dir, "root-"));
    for (const folder of [
      "bin",
      "dev",
      "etc/default",
      "usr/bin",
      "run/systemd/system",
      "var/lib/dpkg/info",
      "var/lib/dpkg/updates",
    ]) {
      await mkdir(at(folder), { recursive: true });
    }
    await writeFile(at("var/lib/dpkg/status"), "");
    await writeFile(at("calls"), "");
    await copyFile(busybox, at("bin/busybox"));
    for (const applet of ["sh", "cat", "grep", "mkdir", "rm", "sed", "sha256sum", "tail", "touch"]) {
      await symlink("busybox", at(`bin/${applet}`));
    }
    for (const name of ["systemctl", "deb-systemd-helper", "deb-systemd-invoke"]) {
      await writeFile(at(`usr/bin/${name}`), STAND_IN, { mode: 0o755 });
    }
  });

  /** Runs it with the rights that a chroot needs; returns what it said, and what its scripts asked of systemd meanwhile. */
  async function asRoot(command: string, ...args: readonly string[]) {
    await writeFile(at("calls"), "");
    const [program, ...words] = process.getuid?.() === 0 ? [command, ...args] : ["unshare", "-r", command, ...args];
    const { status, stdout, stderr } = spawnSync(program as string, words, { env: { ...process.env, LC_ALL: "C" } });
    const said = stdout.toString() + stderr.toString();
    assert.equal(status, 0, said);
    // Of no consequence for what runs.
    const others = /helper|daemon-reload|is-active/;
    return {
      said,
      calls: (await text("calls"))
        .trim()
        .split("\n")
        .filter((call) => call !== "" && !others.test(call)),
    };
  }
  const dpkg = (...args: readonly string[]) => asRoot("dpkg", `--root=${root}`, "--force-confold", ...args);
  const check = async () => (await asRoot("chroot", root, "/usr/sbin/bernard-guest", "--check")).said;
  const valid = "/etc/bernard-guest.conf: valid\n";

  test("installed, it is enabled and started; its program needs no library", async () => {
    assert.deepEqual((await dpkg("-i", debs.ours)).calls, ["deb-systemd-invoke start bernard-guest.service"]);
    assert.equal(await check(), valid);
    assert.ok(!existsSync(at("etc/bernard-guest.conf.d/watchdog.conf")));
    assert.ok(!existsSync(at("etc/default/bernard-guest")));
  });

  test("an upgrade, and a downgrade, hand on without a stop", async () => {
    await dpkg("-i", debs.ours);
    assert.deepEqual((await dpkg("-i", debs.newer)).calls, ["systemctl reload bernard-guest.service"]);
    assert.deepEqual((await dpkg("-i", debs.ours)).calls, ["systemctl reload bernard-guest.service"]);
  });

  test("where the new version refuses the configuration, the old one goes on running, and it is said", async () => {
    await dpkg("-i", debs.ours);
    await appendFile(at("etc/bernard-guest.conf"), "colour = red\n");
    const { said, calls } = await dpkg("-i", debs.newer);
    assert.deepEqual(calls, []);
    assert.match(said, /the former version goes on running; mend this/);
    assert.match(said, /unknown key 'colour'/);
  });

  test("removed, it is stopped and its settings stay; purged, nothing stays", async () => {
    await dpkg("-i", debs.ours);
    await writeFile(at("etc/bernard-guest.conf.d/site.conf"), "interval = 2\n");
    await writeFile(at("etc/default/bernard-guest"), 'BERNARD_MODULES="ib700wdt"\n');
    await writeFile(at("var/lib/bernard-guest/record"), "");
    assert.deepEqual((await dpkg("-r", "bernard-guest")).calls, ["deb-systemd-invoke stop bernard-guest.service"]);
    assert.ok(existsSync(at("etc/bernard-guest.conf")));
    assert.ok(existsSync(at("var/lib/bernard-guest/record")));
    await dpkg("-P", "bernard-guest");
    const left = spawnSync("find", [root, "-name", "*bernard*"]).stdout.toString();
    assert.equal(left, "");
  });

  suite("where watchdog(8) fed the device", () => {
    beforeEach(async () => {
      await dpkg("-i", debs.former);
    });

    test("it is removed in the same step, before ours starts, and its settings go on being used", async () => {
      assert.deepEqual((await dpkg("-i", debs.ours)).calls, [
        "watchdog prerm remove in-favour",
        "deb-systemd-invoke start bernard-guest.service",
      ]);
      assert.match(await text("etc/bernard-guest.conf.d/watchdog.conf"), /^watchdog-timeout = 45$/m);
      assert.match(await text("etc/default/bernard-guest"), /^BERNARD_MODULES="i6300esb iTCO_wdt wdat_wdt ib700wdt"$/m);
      await dpkg("-P", "watchdog");
      assert.ok(!existsSync(at("etc/watchdog.conf")));
      assert.equal(await check(), valid);
    });

    test("settings that ours refuses are left out, and it is said why", async () => {
      await appendFile(at("etc/watchdog.conf"), "interval = soon\n");
      const { said, calls } = await dpkg("-i", debs.ours);
      assert.ok(calls.includes("deb-systemd-invoke start bernard-guest.service"));
      assert.match(said, /does not use \/etc\/watchdog\.conf, which it refuses:\n.*interval: 'soon' is not a number/);
      assert.ok(!existsSync(at("etc/bernard-guest.conf.d/watchdog.conf")));
      assert.equal(await check(), valid);
    });

    test("an own configuration is left alone", async () => {
      await writeFile(at("etc/bernard-guest.conf"), "interval = 2\ninclude = /etc/bernard-guest.conf.d/\n");
      await dpkg("-i", debs.ours);
      assert.ok(!existsSync(at("etc/bernard-guest.conf.d/watchdog.conf")));
      assert.match(await text("etc/bernard-guest.conf"), /^interval = 2$/m);
    });
  });

  test("the .rpm: started when it comes, handed on when it is replaced, stopped when it goes", async () => {
    const rpmIn = (...args: readonly string[]) =>
      asRoot("rpm", "--root", root, "--dbpath", "/rpmdb", "--nodeps", ...args);
    await writeFile(at("etc/watchdog.conf"), "watchdog-timeout = 45\n");
    assert.deepEqual((await rpmIn("-i", rpm)).calls, ["systemctl enable --now bernard-guest.service"]);
    assert.match(await text("etc/bernard-guest.conf.d/watchdog.conf"), /^watchdog-timeout = 45$/m);
    assert.deepEqual((await rpmIn("-U", "--replacepkgs", rpm)).calls, ["systemctl reload bernard-guest.service"]);
    assert.deepEqual((await rpmIn("-e", "bernard-guest")).calls, ["systemctl disable --now bernard-guest.service"]);
    assert.ok(!existsSync(at("usr/sbin/bernard-guest")));
  });
});
