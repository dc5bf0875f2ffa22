import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { type TestContext, test } from "node:test";
import { GuestStartError, QmpCommandError, type QmpEvent, startGuest } from "@bernard/hypervisor/qemu";
import { runFolder, tinyGuest } from "./run-folder.ts";

const deadline = { deadlineMs: 60_000 };

/** Resolves when the other end is gone, whether it said goodbye or not. */
function closed(stream: Duplex): Promise<void> {
  stream.on("error", () => {}).resume();
  return new Promise((resolve) => stream.once("close", resolve));
}

test("a guest runs, its watchdog fires, and the events tell so in order", async (t) => {
  const paused = Promise.withResolvers<void>();
  const events: QmpEvent[] = [];
  const onEvent = (event: QmpEvent) => {
    events.push(event);
    if (event.name === "STOP") paused.resolve();
  };
  const before = performance.now();
  const guest = await startGuest({ ...tinyGuest(await runFolder(t)), onEvent });
  t.after(() => guest.stop());
  await paused.promise;
  const [fired, stopped] = events.filter(({ name }) => name === "WATCHDOG" || name === "STOP");
  assert.deepEqual([fired?.name, fired?.data, stopped?.name], ["WATCHDOG", { action: "pause" }, "STOP"]);
  assert.ok(fired !== undefined && before <= fired.atMs && fired.atMs <= performance.now());
  const status = (await guest.qmp.execute("query-status")) as { status: string };
  assert.equal(status.status, "watchdog");
  assert.deepEqual(await guest.consoleTail(1), ["up"]);
  await assert.rejects(guest.qmp.execute("watchdog-set-action", { action: "bogus" }), (error) => {
    assert.ok(error instanceof QmpCommandError);
    assert.equal(error.errorClass, "GenericError");
    return true;
  });
});

test("a listener that is there from the start misses nothing, not even that the processor begins to run", async (t) => {
  const names: string[] = [];
  const onEvent = ({ name }: QmpEvent) => void names.push(name);
  const guest = await startGuest({ ...tinyGuest(await runFolder(t)), onEvent });
  t.after(() => guest.stop());
  await guest.qmp.execute("query-status");
  assert.equal(names[0], "RESUME");
});

for (const model of ["i6300esb", "ib700"] as const) {
  test(`the machine takes an ${model}, disks, channels and a network card`, async (t) => {
    const dir = await runFolder(t);
    const disk = { file: join(dir, "disk,raw"), format: "raw" } as const;
    const empty = { file: join(dir, "empty,raw"), format: "raw" } as const;
    for (const { file } of [disk, empty]) await writeFile(file, Buffer.alloc(1024 * 1024));
    const disks = [disk, { ...empty, readonly: true, iopsLimit: 100 }];
    const guest = await startGuest({
      ...tinyGuest(dir),
      disks,
      channels: ["a.0", "b.0"],
      network: true,
      watchdog: { model, action: "none" },
    });
    t.after(() => guest.stop());
    const blocks = (await guest.qmp.execute("query-block")) as {
      device: string;
      inserted: { ro: boolean; iops: number };
    }[];
    assert.deepEqual(
      blocks.map(({ device, inserted: { ro, iops } }) => ({ device, ro, iops })),
      [
        { device: "disk0", ro: false, iops: 0 },
        { device: "disk1", ro: true, iops: 100 },
      ],
    );
    assert.notEqual(guest.channel("a.0"), guest.channel("b.0"));
    assert.throws(() => guest.channel("c.0"), RangeError);
    await guest.setLink(false);
  });
}

test("stop leaves no process and ends the channels; stopping again is no error", async (t) => {
  const guest = await startGuest({ ...tinyGuest(await runFolder(t)), channels: ["a.0"] });
  const channelClosed = closed(guest.channel("a.0"));
  await guest.stop();
  await channelClosed;
  assert.deepEqual(await guest.exited, { code: 0, signal: null });
  assert.throws(() => process.kill(guest.pid, 0), { code: "ESRCH" });
  await guest.stop();
});

test("a QEMU that answers nothing is killed", async (t) => {
  const guest = await startGuest(tinyGuest(await runFolder(t)));
  process.kill(guest.pid, "SIGSTOP");
  await guest.stop();
  assert.deepEqual(await guest.exited, { code: null, signal: "SIGKILL" });
});

test("a QEMU that dies is seen at once; killing and stopping it then is no error", async (t) => {
  const guest = await startGuest(tinyGuest(await runFolder(t)));
  const pending = assert.rejects(guest.qmp.waitFor("SHUTDOWN", deadline), { code: "QMP_CLOSED" });
  guest.kill();
  await pending;
  assert.deepEqual(await guest.exited, { code: null, signal: "SIGKILL" });
  guest.kill();
  await guest.stop();
});

const impossible: readonly [what: string, change: object, complaint: RegExp][] = [
  [
    "a kernel that is not there",
    { kernel: "/nowhere/kernel" },
    /^guest tiny did not start: could not open kernel file '\/nowhere\/kernel'/,
  ],
  [
    "a disk that is not there",
    { disks: [{ file: "/nowhere/d", format: "raw" }] },
    /start: Could not open '\/nowhere\/d': No such file/,
  ],
  ["a folder that is not there", { dir: "/nowhere" }, /start: Could not open '\/nowhere\/console.log'/],
  ["more memory than there is", { memoryMib: 1e9 }, /start: .*memory/],
  ["an action that QEMU does not know", { watchdog: { model: "ib700", action: "sing" } }, /start: .*sing/],
];

for (const [what, change, complaint] of impossible) {
  test(`${what} is told in QEMU's words, in one line`, async (t) => {
    await assert.rejects(startGuest({ ...tinyGuest(await runFolder(t)), ...change }), (error) => {
      assert.ok(error instanceof GuestStartError);
      assert.match(error.message, complaint);
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
  });
}

/** A process that starts the tiny guest, and a line to that guest which closes when QEMU ends. */
async function otherProcess(t: TestContext, mode: "stay" | "leave") {
  const dir = await runFolder(t);
  const script = join(import.meta.dirname, "fixtures/start-guest.ts");
  const parent = spawn(process.execPath, [script, dir, mode], { stdio: ["ignore", "pipe", "inherit"] });
  const exited = once(parent, "exit");
  const [line] = (await once(parent.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  const shell = connect(join(dir, "shell.sock"));
  await once(shell, "connect");
  const ended = closed(shell);
  return { parent, exited, pid, ended };
}

test("a parent that is killed leaves no QEMU behind", async (t) => {
  const { parent, ended } = await otherProcess(t, "stay");
  parent.kill("SIGKILL");
  await ended;
});

test("a guest that may outlive its parent does, and the parent can end", async (t) => {
  const { exited, pid, ended } = await otherProcess(t, "leave");
  assert.deepEqual(await exited, [0, null]);
  process.kill(pid, 0); // still there
  process.kill(pid, "SIGKILL");
  await ended;
});
