/** What people do to guests that say nothing, and what is no trouble. */
import assert from "node:assert/strict";
import { appendFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Daemon, guestXml, sessionDaemon } from "@bernard/hypervisor/test-daemon";
import { created, until, virsh, Witness } from "./witness.ts";

const JUDGE = { ask: "1 s", stuck: "2 s", paused: "1 s", boot: "5 s", silence: "2 s", "cross-check": "2 s" };

const idle = (daemon: Daemon, name: string) => guestXml(daemon, { name }).replace(/<watchdog.*\/>/, "");

test("what people do to a guest is no incident", async (t) => {
  const daemon = await sessionDaemon(t);
  const witness = await Witness.start(t, daemon, { judge: JUDGE });
  const file = join(daemon.dir, "web.xml");
  await writeFile(
    file,
    idle(daemon, "web")
      .replace(daemon.kernel, daemon.obedientKernel)
      .replace("<devices>", "<features><acpi/></features>$&"),
  );
  await virsh(daemon, "define", file);
  await virsh(daemon, "start", "web");
  const uuid = await virsh(daemon, "domuuid", "web");
  const saved = join(daemon.dir, "saved");
  for (const acts of [
    [
      ["suspend", "web"],
      ["resume", "web"],
    ],
    [["reset", "web"]],
    [
      ["save", "web", saved],
      ["restore", saved],
    ],
    [
      ["managedsave", "web"],
      ["start", "web"],
    ],
    [["dump", "--memory-only", "web", join(daemon.dir, "core")]],
    [["dump", "--memory-only", "--live", "web", join(daemon.dir, "live")]],
    [
      ["destroy", "web"],
      ["start", "web"],
    ],
  ]) {
    await t.test(acts.map(([verb]) => verb).join(", "), async () => {
      for (const words of acts) await virsh(daemon, ...words);
      await witness.looked(uuid, 3);
      assert.deepEqual(await witness.incidents(), []);
    });
  }
  await t.test("shutdown, undefine", async () => {
    await virsh(daemon, "shutdown", "web");
    await until(
      t,
      () => virsh(daemon, "domstate", "web"),
      (state) => state === "shut off",
    );
    await virsh(daemon, "undefine", "web");
    await until(
      t,
      () => witness.status(),
      ({ guests }) => guests === 0,
    );
    assert.deepEqual(await witness.incidents(), []);
  });
});

test("a guest that moves to another host leaves no incident behind, and brings none", async (t) => {
  const hosts = await Promise.all([sessionDaemon(t), sessionDaemon(t)]);
  for (const [number, host] of hosts.entries()) {
    // They are told apart by this; else libvirt refuses to move a guest to where it is.
    await appendFile(
      join(host.dir, "etc/libvirtd.conf"),
      `host_uuid = "00000000-0000-4000-8000-00000000000${number}"\n`,
    );
    await host.stop();
    await host.start();
  }
  const [from, to] = hosts as [Daemon, Daemon];
  const witnesses = await Promise.all(hosts.map((host) => Witness.start(t, host, { judge: JUDGE })));
  const uuid = await created(from, idle(from, "web"));
  await witnesses[0]!.looked(uuid, 1);
  const migration = join(from.dir, "migration");
  await virsh(from, "migrate", "--live", "web", to.clientUri("qemu:///session"), "--migrateuri", `unix://${migration}`);
  await witnesses[1]!.looked(uuid, 5);
  for (const witness of witnesses) assert.deepEqual(await witness.incidents(), []);
  assert.equal((await witnesses[0]!.status()).running, 0);
});
