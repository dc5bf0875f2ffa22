/** What is kept of a guest's last moment, and what it is made of. */
import assert from "node:assert/strict";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { isFailure } from "../../src/errors.ts";
import { eventually, heardUp, onEachAdapter } from "./suite.ts";

/** The first bytes of each type of picture. */
const MAGIC = { "image/png": "\x89PNG\r\n", "image/x-portable-pixmap": "P6\n" } as const;

/** Of an ELF file: its magic, and at 16 the type; 4 is a core. */
const ELF = "\x7fELF";
const CORE = 4;

onEachAdapter((story, row) => {
  story("a screenshot of a paused guest is a picture, of at most so many bytes", ["screenshot"], async (stage) => {
    const { t, world, hypervisor } = stage;
    const guest = await hypervisor.guest((await world.boot(t)).name);
    const { type, image } = await hypervisor.screenshot(guest);
    assert.ok(image.toString("latin1").startsWith(MAGIC[type]));
    await assert.rejects(hypervisor.screenshot(guest, { maxBytes: 9 }), (error) => isFailure(error, "failed"));
  });

  story("a memory dump is an ELF core, and leaves the guest as it was", ["dump"], async ({ t, world, hypervisor }) => {
    const { name } = await world.boot(t);
    const guest = await hypervisor.guest(name);
    for (const state of ["paused", "running"]) {
      if (state === "running") await hypervisor.act(guest, "resume");
      const before = await hypervisor.guest(name);
      const file = join(world.dir, `${state}.core`);
      await hypervisor.dumpMemory(guest, file);
      const after = await hypervisor.guest(name);
      assert.deepEqual([after.state, after.run], [state, guest.run]);
      if (state === "paused") assert.deepEqual(after, before);
      const handle = await open(file);
      const { buffer } = await handle.read(Buffer.alloc(18), 0, 18, 0);
      await handle.close();
      assert.equal(buffer.toString("latin1", 0, 4), ELF);
      assert.equal(buffer.readUInt16LE(16), CORE);
    }
  });

  story("a console tells what the guest writes, to one at a time", ["real", "console"], async (stage) => {
    const { t, world, hypervisor } = stage;
    const guest = await hypervisor.guest((await world.boot(t)).name);
    const console = await hypervisor.console(guest);
    await assert.rejects(hypervisor.console(guest), (error) => isFailure(error, "busy"));
    await hypervisor.act(guest, "resume");
    await heardUp(console);
    console.destroy();
    const again = await eventually(() => unlessBusy(hypervisor.console(guest)));
    again.destroy();
  });

  story("a channel is opened by its name, by one at a time", ["real", "channel"], async (stage) => {
    const { t, world, hypervisor } = stage;
    const guest = await hypervisor.guest((await world.boot(t)).name);
    const channel = await hypervisor.channel(guest, "org.bernard.guest.0");
    channel.write("{}\n");
    await assert.rejects(hypervisor.channel(guest, "org.bernard.guest.0"), (error) => isFailure(error, "busy"));
    await assert.rejects(hypervisor.channel(guest, "no.such"), (error) => isFailure(error, "unsupported"));
    channel.destroy();
    const again = await eventually(() => unlessBusy(hypervisor.channel(guest, "org.bernard.guest.0")));
    again.destroy();
  });

  story("counters grow while a guest runs", ["real", "console"], async ({ t, world, hypervisor }) => {
    const guest = await hypervisor.guest((await world.boot(t)).name);
    const before = await hypervisor.counters(guest);
    const console = await hypervisor.console(guest);
    await hypervisor.act(guest, "resume");
    await heardUp(console);
    console.destroy();
    const after = await hypervisor.counters(guest);
    assert.equal(after.processors.count, 1);
    assert.ok(after.processors.ranS > before.processors.ranS);
    for (const count of Object.values(after.disk)) assert.ok(Number.isSafeInteger(count) && count >= 0);
    await hypervisor.act(guest, "poweroff");
    const failure = row.lacks.includes("definitions") ? "gone" : "wrong-state";
    await assert.rejects(hypervisor.counters(guest), (error) => isFailure(error, failure));
  });

  story("its hardware is known, as it runs and as it is defined", ["real"], async ({ t, world, hypervisor }) => {
    const guest = await hypervisor.guest((await world.boot(t, { action: "pause" })).name);
    const hardware = await hypervisor.hardware(guest, "now");
    assert.equal(hardware.architecture, "x86_64");
    assert.match(hardware.machine, /^pc-i440fx-/);
    assert.deepEqual(
      hardware.watchdogs.map(({ model }) => model),
      ["ib700"],
    );
    assert.ok(hardware.channels.some(({ name, open }) => name === "org.bernard.guest.0" && open !== true));
    assert.equal(hardware.owner, undefined);
    if (row.lacks.includes("definitions")) {
      await assert.rejects(hypervisor.hardware(guest, "next-start"), (error) => isFailure(error, "gone"));
      return;
    }
    assert.equal(hardware.action, "pause");
    await hypervisor.setWatchdogAction(guest, "none");
    assert.equal((await hypervisor.hardware(guest, "next-start")).action, "pause");
  });

  story("a guest without the agent, or without an i6300esb, says so", ["real", "agent", "fire-mark"], async (stage) => {
    const { t, world, hypervisor } = stage;
    const guest = await hypervisor.guest((await world.boot(t)).name);
    await hypervisor.act(guest, "resume");
    const asking = hypervisor.agent(guest, { execute: "guest-ping" });
    await assert.rejects(asking, (error) => isFailure(error, "unsupported"));
    assert.equal(await hypervisor.fireMark(guest), undefined);
  });
});

/** The hypervisor frees what a closed stream held a moment later. */
async function unlessBusy<T>(opening: Promise<T>): Promise<T | undefined> {
  try {
    return await opening;
  } catch (error) {
    if (isFailure(error, "busy")) return undefined;
    throw error;
  }
}
