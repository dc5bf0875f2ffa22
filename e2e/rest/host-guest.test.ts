/** What the witness hears of Linux guests, what it takes for trouble, and what not. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { type Daemon, guestXml, sessionDaemon } from "@bernard/hypervisor/test-daemon";
import { DAEMON } from "../stage.ts";
import { LibvirtGuest } from "./libvirt-guest.ts";
import { until, virsh, Witness } from "./witness.ts";

/** Short, and on a machine that has much to do guests are blamed all the same. */
const JUDGE = {
  silence: "15 s",
  "cross-check": "5 s",
  boot: "30 s",
  ask: "1 s",
  calm: "5 s",
  "host-pressure": "100",
  steal: "100",
};

/** More than a silence and its cross-check. */
const SLEEP_MS = 25_000;

const CONSOLES = "evidence:\n  consoles: true\n";

/** The device's timeout is longer than a silence has to be. */
const CONF = `watchdog-timeout = 600
disk = /data
disk-probe-interval = 3
disk-hold = 5
grace = 0
state-directory = /data/bernard-guest
`;

/** ext4's journal cannot be written any more. */
const FAIL_DISK = `/lib/testbed/load flakey
  echo "0 $(cat /sys/block/vda/size) flakey /dev/vda 0 0 3600 1 error_writes" | dmsetup reload data
  dmsetup suspend --nolockfs --noflush --noudevsync data && dmsetup resume --noudevsync data
  mkdir /data/failing; sync; true`;

/** Puts another kernel, which runs nothing, into a guest's definition, and starts it. */
async function startWith(daemon: Daemon, guest: LibvirtGuest, kernel: string): Promise<void> {
  const uuid = await guest.uuid();
  await virsh(daemon, "destroy", guest.name);
  const xml = guestXml(daemon, { name: guest.name })
    .replace(/<watchdog.*\/>/, "")
    .replace(daemon.kernel, kernel)
    .replace("<memory", `<uuid>${uuid}</uuid>$&`);
  const file = join(daemon.dir, "other.xml");
  await writeFile(file, xml);
  await virsh(daemon, "define", file);
  await virsh(daemon, "start", guest.name);
}

test("a guest with bernard-guest, from its hello to a boot that hangs", async (t) => {
  const daemon = await sessionDaemon(t);
  const witness = await Witness.start(t, daemon, { judge: JUDGE, more: CONSOLES });
  const guest = await LibvirtGuest.boot(t, daemon, { name: "web", conf: CONF });
  const uuid = await guest.uuid();
  /** The next message of this kind, of those that are not told yet. */
  const heard = async (type: string) => {
    const count = async () => (await witness.told()).filter((input) => input.message?.type === type).length;
    const before = await count();
    return () => until(t, count, (now) => now > before);
  };
  await until(
    t,
    () => witness.told(),
    (told) => told.some(({ message }) => message?.type === "beat"),
  );

  await t.test("nothing of what people and healthy guests do is an incident", async (t) => {
    await t.test("a backup freezes its file system", async () => {
      await guest.sh("fsfreeze --freeze /data; sleep 8; fsfreeze --unfreeze /data");
    });
    await t.test("somebody pauses it, for longer than a silence has to be", async () => {
      await virsh(daemon, "suspend", guest.name);
      await witness.looked(uuid, 20);
      const beat = await heard("beat");
      await virsh(daemon, "resume", guest.name);
      await beat();
    });
    await t.test("it sleeps, for longer than a silence has to be", async () => {
      await guest.sh("(sleep 0.2; echo mem > /sys/power/state) > /dev/null 2>&1 &");
      await until(
        t,
        () => virsh(daemon, "domstate", guest.name),
        (state) => state === "pmsuspended",
      );
      await delay(SLEEP_MS); // nothing is asked of a guest that sleeps, and nothing happens
      assert.deepEqual(await witness.incidents(), []);
      const hello = await heard("hello");
      await virsh(daemon, "destroy", guest.name); // this kernel, booted by PVH, does not wake up
      await guest.rebooted(() => guest.start());
      await hello();
    });
    await t.test("somebody saves and restores it", async () => {
      const file = join(daemon.dir, "saved");
      await virsh(daemon, "save", guest.name, file);
      const beat = await heard("beat");
      await virsh(daemon, "restore", file);
      await guest.attach();
      await beat();
    });
    await t.test("it reboots itself", async () => {
      const hello = await heard("hello");
      await guest.rebooted(() => guest.sh("(sleep 0.2; reboot -f) > /dev/null 2>&1 &"));
      await hello();
    });
    await t.test("it is silent, and its disk moves", async () => {
      await guest.sh(
        `kill -STOP ${DAEMON}; (while sleep 0.2; do dd if=/dev/zero of=/data/moves bs=4k count=1 conv=fsync; done) > /dev/null 2>&1 & echo $! > /run/moves`,
      );
      await witness.looked(uuid, 30);
      const beat = await heard("beat");
      await guest.sh(`kill -CONT ${DAEMON}; kill $(cat /run/moves)`);
      await beat();
    });
    assert.deepEqual(await witness.incidents(), []);
  });

  await t.test("it announces its end, which is seen", async () => {
    await guest.rebooted(() => guest.sh(FAIL_DISK));
    const [, id] = await witness.said(/web: disk:\/data: .*; it ends itself \(\w+\) incident=(\d+) sign=last-words/);
    await witness.said(new RegExp(`the incident is over incident=${id} outcome=back`));
    assert.deepEqual(await witness.signs(), ["last-words fire"]);
    await witness.evidence(
      Number(id),
      "last-words/last-words.json",
      "last-words/beats.json",
      "last-words/counters.json",
      "fire/console.txt",
    );
    const words = await readFile(join(witness.dir, "state/evidence", uuid, id!, "last-words/last-words.json"), "utf8");
    assert.equal(JSON.parse(words).check, "disk:/data");
  });

  await t.test("it says nothing any more, and does nothing", async () => {
    await guest.sh(`kill -STOP ${DAEMON}`);
    const [, id] = await witness.said(
      /web: nothing heard for \d+ s; in \d+ s no disk or network moved, .* incident=(\d+) sign=silence/,
    );
    await guest.sh(`kill -CONT ${DAEMON}`);
    await witness.said(new RegExp(`the incident is over incident=${id} outcome=back`));
  });

  await t.test("a boot that asks for a passphrase is none that hangs", async () => {
    const { length } = await witness.incidents();
    await startWith(daemon, guest, daemon.promptingKernel);
    const overdue = ({ type, lastLine }: { type: string; lastLine?: string }) =>
      type === "reading" && /passphrase/.test(lastLine ?? "");
    await until(
      t,
      async () => (await witness.told()).filter(overdue).length,
      (count) => count >= 50,
    );
    assert.equal((await witness.incidents()).length, length);
  });

  await t.test("a boot that hangs", async () => {
    await startWith(daemon, guest, daemon.obedientKernel);
    await witness.said(/web: booting for \d+ s without a hello; .* sign=hung-boot/);
  });
});

test("a guest with an agent alone, whose agent goes away", async (t) => {
  const daemon = await sessionDaemon(t);
  const witness = await Witness.start(t, daemon, { judge: JUDGE });
  const guest = await LibvirtGuest.boot(t, daemon, { name: "db" });
  const isAgent =
    (open: boolean) =>
    ({ type, open: is }: { type: string; open?: boolean }) =>
      type === "channel" && is === open;
  await guest.sh(
    "sleep 3600 < $(grep -l org.qemu.guest_agent.0 /sys/class/virtio-ports/*/name | sed 's,/sys/class/virtio-ports/,/dev/,; s,/name,,') & echo $! > /run/agent",
  );
  await until(
    t,
    () => witness.told(),
    (told) => told.some(isAgent(true)),
  );
  await guest.sh("kill $(cat /run/agent)");
  const [, id] = await witness.said(/db: nothing heard for \d+ s; .* incident=(\d+) sign=silence/);
  await guest.sh(
    "sleep 3600 < $(grep -l org.qemu.guest_agent.0 /sys/class/virtio-ports/*/name | sed 's,/sys/class/virtio-ports/,/dev/,; s,/name,,') & true",
  );
  await witness.said(new RegExp(`the incident is over incident=${id} outcome=calm`));
});
