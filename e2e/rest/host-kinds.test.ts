/** What the witness sees of guests that say nothing of themselves: each kind of trouble made to happen, and what is none. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Daemon, guestXml, sessionDaemon } from "@bernard/hypervisor/test-daemon";
import { run } from "@bernard/tools";
import { created, emulatorOf, type Told, until, virsh, Witness } from "./witness.ts";

const JUDGE = { ask: "1 s", stuck: "2 s", paused: "2 s", calm: "5 s" };

const withoutDevice = (xml: string) => xml.replace(/<watchdog.*\/>/, "");

/** One that says "up" and halts. */
const idle = (daemon: Daemon, name: string) => withoutDevice(guestXml(daemon, { name }));

/** A guest whose kernel writes to a disk that qemu-nbd serves at `socket`. */
const writer = (daemon: Daemon, name: string, socket: string) =>
  withoutDevice(guestXml(daemon, { name }))
    .replace(daemon.kernel, daemon.writingKernel)
    .replace(
      "<controller type='usb'",
      `<disk type='network'><driver name='qemu' type='raw' cache='none' error_policy='stop'/>
      <source protocol='nbd' name=''><host transport='unix' socket='${socket}'/></source>
      <target dev='hda' bus='ide'/></disk>$&`,
    );

/** Serves a disk by qemu-nbd; from a file system that is full where `room` is "none". */
async function served(t: TestContext, daemon: Daemon, name: string, room: "enough" | "none" = "enough") {
  const socket = join(daemon.dir, `${name}.nbd`);
  const fill = room === "none" ? "dd if=/dev/zero of=$1/rest bs=64k 2> /dev/null || true" : "";
  const script = `mkdir $1; mount -t tmpfs -o size=1M tmpfs $1; truncate -s 16M $1/disk; ${fill}
    exec qemu-nbd --persistent --format=raw --socket=$2 --fork --pid-file=$2.pid $1/disk`;
  const namespace = ["--user", "--map-root-user", "--mount", "sh", "-euc", script, "nbd"];
  await run("unshare", [...namespace, join(daemon.dir, `${name}.store`), socket]);
  const pid = Number(await readFile(`${socket}.pid`, "utf8"));
  t.after(() => {
    try {
      process.kill(pid, "SIGKILL");
    } catch {} // it has ended with its client
  });
  return { socket, pid };
}

test("each kind of trouble of a guest that says nothing", async (t) => {
  const daemon = await sessionDaemon(t);
  const witness = await Witness.start(t, daemon, { judge: { ...JUDGE, loop: "{ ends: 2, within: 10 min }" } });
  await created(daemon, guestXml(daemon, { name: "looping", model: "i6300esb", action: "reset" }));

  for (const action of ["shutdown", "poweroff", "pause", "none", "dump", "inject-nmi"]) {
    await t.test(`its watchdog fires: ${action}`, async () => {
      const name = `fire-${action}`;
      await created(daemon, guestXml(daemon, { name, action }));
      const [, id] = await witness.said(new RegExp(`${name}: its watchdog fired; action ${action} incident=(\\d+)`));
      if (action === "poweroff") {
        await witness.said(new RegExp(`the incident is over incident=${id} outcome=(off|gone)`));
        assert.deepEqual(await witness.signs(name), ["fire"], "and its emulator's end is no crash");
        return;
      }
      await witness.evidence(Number(id), "fire/counters.json", "fire/screen.png");
      if (action === "pause") {
        await witness.said(new RegExp(`paused by its watchdog for \\d+ s incident=${id}`));
        const [incident] = await witness.incidents(name);
        assert.deepEqual(
          incident?.would.map(({ remedy }) => remedy),
          ["reset and resume"],
        );
      }
      await virsh(daemon, "destroy", name);
      await witness.said(new RegExp(`the incident is over incident=${id} `));
      assert.deepEqual(await witness.signs(name), [action === "pause" ? "fire watchdog-pause" : "fire"]);
    });
  }

  await t.test("its kernel panics", async () => {
    const xml = withoutDevice(guestXml(daemon, { name: "panics" })).replace(daemon.kernel, daemon.panickingKernel);
    await created(
      daemon,
      xml.replace("<video>", "<panic model='isa'/>$&").replace("<devices>", "<on_crash>preserve</on_crash>$&"),
    );
    const [, id] = await witness.said(/panics: its kernel panicked incident=(\d+)/);
    await witness.evidence(Number(id), "panic/counters.json", "panic/screen.png");
    await virsh(daemon, "destroy", "panics");
  });

  await t.test("its emulator is killed", async () => {
    await created(daemon, idle(daemon, "killed"));
    process.kill(await emulatorOf(daemon, "killed"), "SIGKILL");
    await witness.said(/killed: its emulator ended by itself, or was killed/);
  });

  await t.test("its storage is stuck, and somebody wants to pause it", async (t) => {
    const { socket, pid } = await served(t, daemon, "stuck");
    const uuid = await created(daemon, writer(daemon, "stuck", socket));
    await moves(t, witness, uuid);
    process.kill(pid, "SIGSTOP");
    const suspended = virsh(daemon, "suspend", "stuck").catch(() => {}); // libvirt may give it up
    const [, id] = await witness.said(/stuck: its emulator has answered nothing for \d+ s incident=(\d+)/);
    process.kill(pid, "SIGCONT");
    await suspended;
    await virsh(daemon, "resume", "stuck");
    await witness.said(new RegExp(`the incident is over incident=${id} outcome=calm`));
    await virsh(daemon, "destroy", "stuck");
  });

  await t.test("its storage fails, which pauses it", async (t) => {
    const { socket, pid } = await served(t, daemon, "fails");
    const uuid = await created(daemon, writer(daemon, "fails", socket));
    await moves(t, witness, uuid);
    process.kill(pid, "SIGTERM");
    await witness.said(/fails: paused by an error of its storage/); // libvirt 9.0 cannot tell more of a disk without a path
    await virsh(daemon, "destroy", "fails");
  });

  await t.test("its storage is full, which pauses it, until there is room", async (t) => {
    const { socket } = await served(t, daemon, "full", "none");
    await created(daemon, writer(daemon, "full", socket));
    const [, id] = await witness.said(/full: paused by an error of its storage incident=(\d+)/);
    await witness.evidence(Number(id), "storage-pause/counters.json");
    await virsh(daemon, "destroy", "full");
  });

  await t.test("three at a time that answer nothing are the host's incident", async () => {
    const pids: number[] = [];
    for (const name of ["one", "two", "three"]) {
      await created(daemon, idle(daemon, name));
      pids.push(await emulatorOf(daemon, name));
    }
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    const [, id] = await witness.said(/host: the storage of 3 guests fails or is stuck incident=(\d+)/);
    for (const pid of pids) process.kill(pid, "SIGCONT");
    await witness.said(new RegExp(`the incident is over incident=${id} outcome=calm`));
    for (const name of ["one", "two", "three"]) {
      assert.deepEqual(await witness.signs(name), ["emulator-stuck"]);
      await virsh(daemon, "destroy", name);
    }
  });

  await t.test("it ends again and again", async () => {
    await witness.said(/2 ends within 10 min/);
    const looping = await witness.incidents("looping");
    assert.ok(
      looping.some(({ signs, would }) => signs.at(-1)?.sign === "reset-loop" && would[0]?.remedy === "quarantine"),
    );
  });
});

/** Resolves once the guest has written to its disk. */
async function moves(t: TestContext, witness: Witness, uuid: string): Promise<void> {
  const writes = (input: Told) =>
    input.uuid === uuid && input.type === "reading" && (input.counters?.disk.writes ?? 0) > 0;
  await until(
    t,
    () => witness.told(),
    (told) => told.some(writes),
  );
}
