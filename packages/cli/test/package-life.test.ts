/** What the packages' scripts do when they come, are replaced and go: dpkg and rpm install into a root of their own, with stand-ins for systemd and Node. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { appendFile, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, suite, test } from "node:test";
import { ensureInstalled, unpack } from "@bernard/tools";
import { packageTestTools, writePackages } from "@bernard/tools/packaging";
import { bundleCli } from "../package/bundle.ts";
import { makeProduct } from "../package/package.ts";
import { VERSION } from "../src/version.ts";

const quiet = () => {};

const NEWER = `${VERSION}+newer`;

/** Tells what it was asked, and keeps whether the unit is active. */
const SYSTEMD = `#!/bin/sh
echo "\${0##*/} $*" >>/calls
case "\${0##*/} $*" in
  *" start "* | *"enable --now "*) touch /active ;;
  *" stop "* | *"disable --now "*) rm -f /active ;;
  *is-active*) [ -e /active ] ;;
esac
`;

/** Refuses a configuration with a wrong key, as 'bernard host --check' does. */
const NODE = `#!/bin/sh
if grep -q '^colour' /etc/bernard/host.yaml; then echo "bernard: colour: no such key" >&2; exit 2; fi
`;

/** Makes and deletes the group in a file, and tells of the profile. */
const PROGRAMS = {
  "usr/bin/systemctl": SYSTEMD,
  "usr/bin/deb-systemd-helper": SYSTEMD,
  "usr/bin/deb-systemd-invoke": SYSTEMD,
  "usr/bin/systemd-sysusers":
    '#!/bin/sh\ncat "/usr/lib/sysusers.d/$1" >/dev/null && echo bernard:x:999: >>/etc/group\n',
  "usr/bin/getent": '#!/bin/sh\ngrep "^$2:" "/etc/$1"\n',
  "usr/bin/groupdel": '#!/bin/sh\nsed -i "/^$1:/d" /etc/group\n',
  "usr/bin/aa-enabled": "#!/bin/sh\n",
  "usr/bin/apparmor_parser": '#!/bin/sh\necho "apparmor_parser $*" >>/calls\n',
};

suite("the life of a package of bernard's", () => {
  let dir = "";
  let busybox = "";
  const built = { ours: "", newer: "", rpm: "" };
  /** A small system: busybox, the stand-ins, nothing else. */
  let root = "";

  const at = (path: string) => join(root, path);
  const text = (path: string) => readFile(at(path), "utf8");

  before(async () => {
    await ensureInstalled(packageTestTools, quiet);
    busybox = join(await unpack("busybox", ["busybox-static"], quiet), "bin/busybox");
    dir = await mkdtemp(join(tmpdir(), "bernard-test-"));
    const bundle = await bundleCli();
    for (const version of [VERSION, NEWER]) {
      const product = await makeProduct(version, 1_700_000_000, bundle);
      const entries = product.entries.map((entry) =>
        entry.path === "usr/lib/bernard/node" ? { ...entry, bytes: Buffer.from(NODE) } : entry,
      );
      const packaging = { names: { deb: "amd64", rpm: "x86_64", tar: "x86_64" }, product: { ...product, entries } };
      await writePackages([packaging], "", join(dir, version), quiet);
    }
    built.ours = join(dir, VERSION, `bernard_${VERSION}_amd64.deb`);
    built.newer = join(dir, NEWER, `bernard_${NEWER}_amd64.deb`);
    built.rpm = join(dir, VERSION, `bernard-${VERSION}-1.x86_64.rpm`);
  });
  after(() => rm(dir, { recursive: true, force: true }));

  beforeEach(async () => {
    root = await mkdtemp(join(dir, "root-"));
    for (const folder of [
      "bin",
      "dev",
      "etc",
      "usr/bin",
      "run/systemd/system",
      "var/lib/dpkg/info",
      "var/lib/dpkg/updates",
    ]) {
      await mkdir(at(folder), { recursive: true });
    }
    for (const file of ["var/lib/dpkg/status", "calls", "etc/group"]) await writeFile(at(file), "");
    await copyFile(busybox, at("bin/busybox"));
    for (const applet of ["sh", "cat", "grep", "rm", "sed", "touch"]) await symlink("busybox", at(`bin/${applet}`));
    for (const [path, script] of Object.entries(PROGRAMS)) await writeFile(at(path), script, { mode: 0o755 });
  });

  /** Runs it with the rights that a chroot needs; returns what it said, and what its scripts asked for meanwhile. */
  async function asRoot(command: string, ...args: readonly string[]) {
    await writeFile(at("calls"), "");
    const [program, ...words] = process.getuid?.() === 0 ? [command, ...args] : ["unshare", "-r", command, ...args];
    const { status, stdout, stderr } = spawnSync(program as string, words, { env: { ...process.env, LC_ALL: "C" } });
    const said = stdout.toString() + stderr.toString();
    assert.equal(status, 0, said);
    // Of no consequence for what runs.
    const others = /^$|helper|daemon-reload|is-active/;
    return { said, calls: (await text("calls")).split("\n").filter((call) => !others.test(call)) };
  }
  // What Node needs is not in that root.
  const dpkg = (...args: readonly string[]) =>
    asRoot("dpkg", `--root=${root}`, "--force-depends", "--force-confold", ...args);

  const profile = "apparmor_parser --replace --write-cache /etc/apparmor.d/bernard-host";

  test("installed, it has its group and profile, and is started", async () => {
    const { calls } = await dpkg("-i", built.ours);
    assert.deepEqual(calls, [profile, "deb-systemd-invoke start bernard-host.service"]);
    assert.equal(await text("etc/group"), "bernard:x:999:\n");
  });

  test("an upgrade, and a downgrade, start the other version anew, and what is kept stays", async () => {
    await dpkg("-i", built.ours);
    await mkdir(at("var/lib/bernard"), { recursive: true });
    await writeFile(at("var/lib/bernard/journal.db"), "incidents");
    for (const other of [built.newer, built.ours]) {
      assert.deepEqual((await dpkg("-i", other)).calls, [profile, "systemctl restart bernard-host.service"]);
      assert.equal(await text("var/lib/bernard/journal.db"), "incidents");
    }
  });

  test("where the new version refuses the configuration, the old one goes on running, and it is said", async () => {
    await dpkg("-i", built.ours);
    await appendFile(at("etc/bernard/host.yaml"), "colour: red\n");
    const { said, calls } = await dpkg("-i", built.newer);
    assert.deepEqual(calls, [profile]);
    assert.match(said, /the former version goes on running; mend this.*\n.*colour: no such key/);
  });

  test("removed, it is stopped and all that is kept stays; purged, nothing stays", async () => {
    await dpkg("-i", built.ours);
    await mkdir(at("var/lib/bernard/evidence"), { recursive: true });
    await mkdir(at("etc/apparmor.d/local"), { recursive: true });
    await writeFile(at("etc/apparmor.d/local/bernard-host"), "/srv/bernard/** rw,\n");
    assert.deepEqual((await dpkg("-r", "bernard")).calls, ["deb-systemd-invoke stop bernard-host.service"]);
    assert.ok(existsSync(at("etc/bernard/host.yaml")));
    assert.ok(existsSync(at("var/lib/bernard/evidence")));
    await dpkg("-P", "bernard");
    assert.equal(spawnSync("find", [root, "-name", "*bernard*"]).stdout.toString(), "");
    assert.equal(await text("etc/group"), "");
  });

  test("the .rpm: started when it comes, started anew when it is replaced, stopped when it goes", async () => {
    const rpm = (...args: readonly string[]) =>
      asRoot("rpm", "--root", root, "--dbpath", "/rpmdb", "--nodeps", ...args);
    assert.deepEqual((await rpm("-i", built.rpm)).calls, [profile, "systemctl enable --now bernard-host.service"]);
    const replaced = await rpm("-U", "--replacepkgs", built.rpm);
    assert.deepEqual(replaced.calls, [profile, "systemctl restart bernard-host.service"]);
    assert.deepEqual((await rpm("-e", "bernard")).calls, ["systemctl disable --now bernard-host.service"]);
    assert.ok(!existsSync(at("usr/lib/bernard")));
  });
});
