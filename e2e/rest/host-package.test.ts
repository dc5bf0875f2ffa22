/** bernard's .deb on a Debian 12 with libvirt, under systemd and AppArmor, from its installation to its purge. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { makeProduct } from "@bernard/cli/package";
import { bootTestGuest, buildSystemdImage, type TestGuest } from "@bernard/testbed";
import { run } from "@bernard/tools";
import { buildDeb } from "@bernard/tools/packaging";
import { printed, sh } from "../stage.ts";

const VERSION = "1.0.0";
const NEWER = "1.0.1";

/** What an operator's host has, and libpam-systemd for a dependency that debootstrap does not see. */
const PACKAGES = ["apparmor", "dbus", "libpam-systemd", "libvirt-clients", "libvirt-daemon-system", "qemu-system-x86"];

/** On an idle machine all of it takes five minutes. */
const LIFE = { timeout: 1_200_000 };

/** Milliseconds: the unit's WatchdogSec= and TimeoutStopSec=, and twice that for a busy machine. */
const HANG_MS = 270_000;

/** A guest in the guest: its firmware finds no disk and waits, which is all that it is for. */
const DOMAIN = (name: string, devices: string) => `<domain type='qemu'>
  <name>${name}</name><memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>${devices}</devices>
</domain>`;

/** What is kept on the disk that /data is on. */
async function diskWith(dir: string, versions: readonly string[]): Promise<string> {
  const files = join(dir, "files");
  await mkdir(files);
  for (const version of versions) {
    const product = await makeProduct(version, 1_700_000_000);
    await buildDeb(product, "amd64", join(dir, version), files, "none");
  }
  const [raw, disk] = [join(dir, "data.raw"), join(dir, "data.qcow2")];
  await run("truncate", ["--size=512M", raw]);
  await run("/sbin/mkfs.ext4", ["-q", "-L", "data", "-d", files, raw]);
  await run("qemu-img", ["convert", "-q", "-O", "qcow2", raw, disk]);
  return disk;
}

suite("bernard's package on a host with systemd and libvirt", () => {
  let dir = "";
  let host: TestGuest;

  before(async () => {
    const besides = { name: "-libvirt", packages: PACKAGES, rootMib: 3072, memoryMib: 1024 };
    const image = await buildSystemdImage(console.log, "6.1", besides);
    dir = await mkdtemp(join(tmpdir(), "bernard-test-"));
    host = await bootTestGuest({ image: { ...image, dataDisk: await diskWith(dir, [VERSION, NEWER]) }, cpus: 2 });
  });
  after(async () => {
    await host?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  const install = (version: string) => sh(host, `dpkg --install /data/bernard_${version}_amd64.deb`);

  /** What a command prints, once that is as wanted: what happens to a guest is told a moment later. */
  const until = (command: string, pattern: string) =>
    printed(host, `until ${command} 2>&1 | grep -E '${pattern}'; do sleep 0.5; done`);

  test("from the installation to the purge", LIFE, async (t) => {
    assert.equal(await printed(host, "systemctl is-system-running --wait || systemctl --failed"), "running");
    for (const [name, devices] of [
      ["web", ""],
      ["db", "<watchdog model='i6300esb' action='reset'/>"],
    ] as const) {
      await host.put(`/root/${name}.xml`, Buffer.from(DOMAIN(name, devices)));
      await sh(host, `virsh --quiet define /root/${name}.xml && virsh --quiet start ${name}`);
    }

    await t.test("one dpkg -i, and the first report names the guest without a watchdog device", async () => {
      await install(VERSION);
      assert.equal(await printed(host, "systemctl is-active bernard-host"), "active");
      assert.equal(await printed(host, "systemctl is-enabled bernard-host"), "enabled");
      const { code, output } = await host.run("bernard report", { deadlineMs: 60_000 });
      assert.equal(code, 1, output);
      assert.match(output, /1 .*without a watchdog device\n +web\n/);
      assert.equal(await printed(host, "bernard --version; command -v node || echo no Node"), "0.1.0\nno Node");
      t.diagnostic(await printed(host, "systemd-analyze security bernard-host | tail -n 1"));
      t.diagnostic(await printed(host, "grep VmRSS /proc/$(systemctl show -P MainPID bernard-host)/status"));
    });

    await t.test("it runs with its profile, without a capability, and keeps what it knows to root", async () => {
      const pid = await printed(host, "systemctl show --property=MainPID --value bernard-host");
      assert.equal(await printed(host, `tr -d '\\0' </proc/${pid}/attr/current`), "bernard-host (enforce)");
      assert.match(await printed(host, `grep CapEff /proc/${pid}/status`), /\s0{16}$/);
      const modes = "stat --format '%a %U:%G' /var/lib/bernard /etc/bernard/host.yaml /run/bernard/host.sock";
      assert.equal(await printed(host, modes), "700 root:bernard\n600 root:root\n660 root:bernard");
    });

    await t.test("who is in the group may ask, and nobody else", async () => {
      await sh(host, "useradd --groups bernard alice; useradd mallory");
      assert.match(await printed(host, "runuser -u alice bernard status"), /guests: 2, on: 2/);
      const refused = await sh(host, "runuser -u mallory bernard status 2>&1", 3);
      assert.match(refused, /lets only root and its group in/);
    });

    await t.test("an emulator that crashes is an incident, and somebody is told", async () => {
      const told = "read-only: false\nalerts:\n  ops:\n    type: command\n    run: [/usr/local/bin/tell]\n";
      await host.put("/usr/local/bin/tell", Buffer.from("#!/bin/sh\ncat >>/var/lib/bernard/told\n"));
      await host.put("/etc/bernard/host.yaml", Buffer.from(told));
      await sh(host, "chmod 755 /usr/local/bin/tell; systemctl reload bernard-host");
      assert.doesNotMatch(await printed(host, "bernard status"), /looking only|NOT CONNECTED/);
      await sh(host, "kill -SEGV $(cat /run/libvirt/qemu/db.pid)");
      assert.match(await until("bernard incidents", "db .*crash"), /db +emulator-crash/);
      assert.match(await until("cat /var/lib/bernard/told", "emulator"), /"name":"db"/);
      await sh(host, "bernard incident export 1 --output /root/one.tar.gz && tar -tzf /root/one.tar.gz | grep SUMMARY");
    });

    await t.test("a wrong configuration is refused at a reload, and it goes on", async () => {
      await sh(host, "cp /etc/bernard/host.yaml /root/; echo 'colour: red' >>/etc/bernard/host.yaml");
      assert.match(await sh(host, "bernard host --check 2>&1", 2), /host\.yaml:6: colour: no such key/);
      await sh(host, "systemctl reload bernard-host; cp /root/host.yaml /etc/bernard/");
      assert.match(await sh(host, "bernard status", 1), /db/);
    });

    for (const [name, version] of [
      ["an upgrade", NEWER],
      ["a downgrade", VERSION],
    ] as const) {
      await t.test(`${name} starts the other version, and what is kept stays`, async () => {
        await install(version);
        assert.equal(await printed(host, "dpkg-query --show bernard"), `bernard\t${version}`);
        assert.match(await sh(host, "bernard status", 1), /db/);
        assert.match(await sh(host, "bernard incidents"), /emulator-crash/);
      });
    }

    await t.test("nothing that it does was denied, and its watchdog never bit", async () => {
      // libvirtd's own profile does not let it look at a client with a profile; it does without, and serves it.
      assert.equal(await printed(host, `dmesg | grep 'DENIED.*profile="bernard-host"' || true`), "");
      assert.equal(await printed(host, "systemctl show --property=NRestarts --value bernard-host"), "0");
      assert.equal(await printed(host, "systemctl --failed --plain --no-legend"), "");
    });

    await t.test("one that hangs is started anew", async () => {
      const restarts = "systemctl show --property=NRestarts --value bernard-host";
      await sh(host, "systemctl kill --signal=STOP bernard-host");
      await host.run(`until [ "$(${restarts})" = 1 ]; do sleep 1; done`, { deadlineMs: HANG_MS });
      await until("bernard status", "guests: 2, on: 1");
    });

    await t.test("a purge leaves nothing of it, and the guests as they are", async () => {
      await sh(host, "dpkg --purge bernard");
      const left = "find / -xdev -path /proc -prune -o -name '*bernard*' -print";
      assert.equal(await printed(host, left), "");
      assert.equal(
        await printed(host, "getent group bernard; grep bernard-host /sys/kernel/security/apparmor/profiles || true"),
        "",
      );
      assert.equal(await printed(host, "virsh list --name"), "web");
    });
  });
});
