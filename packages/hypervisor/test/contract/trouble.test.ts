/** What can go wrong around a guest: always told in time, never in another guest's way. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { isFailure } from "../../src/errors.ts";
import { lastFirst } from "../libvirt/last-first.ts";
import { onEachAdapter, watched } from "./suite.ts";

onEachAdapter((story, row) => {
  story("a guest that goes between two calls is gone", [], async ({ t, world, hypervisor }) => {
    const { name } = await world.boot(t);
    const guest = await hypervisor.guest(name);
    await world.remove(name);
    for (const ask of [
      () => hypervisor.guest(name),
      () => hypervisor.guest(guest.uuid),
      () => hypervisor.hardware(guest, "now"),
      () => hypervisor.hardware(guest, "next-start"),
      () => hypervisor.act(guest, "reset"),
      () => hypervisor.act(guest, "poweroff"),
      ...(row.lacks.includes("real")
        ? []
        : [
            () => hypervisor.counters(guest),
            () => hypervisor.setWatchdogAction(guest, "pause"),
            () => hypervisor.screenshot(guest),
            () => hypervisor.dumpMemory(guest, join(world.dir, "gone.core")),
            () => hypervisor.console(guest),
            () => hypervisor.channel(guest, "org.bernard.guest.0"),
            () => hypervisor.agent(guest, { execute: "guest-ping" }),
            () => hypervisor.fireMark(guest),
          ]),
    ]) {
      await assert.rejects(ask, (error) => isFailure(error, "gone"), `${ask}`);
    }
    assert.ok(!(await hypervisor.guests()).some(({ uuid }) => uuid === guest.uuid));
  });

  story("an emulator that answers nothing holds up no other guest, and can be ended", ["real"], async (stage) => {
    const { t, world, hypervisor } = stage;
    const { name } = await world.boot(t, { name: "stuck" });
    const stuck = await hypervisor.guest(name);
    const other = await hypervisor.guest((await world.boot(t, { name: "other" })).name);
    const pid = await world.emulator(name);
    process.kill(pid, "SIGSTOP");
    lastFirst(t, () => resume(pid));
    const patient = { deadlineMs: 60_000 };
    const reason = new Error("enough");
    const giveUp = new AbortController();
    const hanging = (["reset", "pause", "resume"] as const).map((action) =>
      hypervisor.act(stuck, action, { ...patient, signal: giveUp.signal }),
    );
    const answered = Promise.all([
      hypervisor.act(other, "reset", patient),
      hypervisor.screenshot(other, patient),
      hypervisor.counters(other, patient),
    ]);
    await Promise.race([answered, ...hanging]);
    const listed = (await hypervisor.guests()).find(({ uuid }) => uuid === stuck.uuid);
    assert.ok(listed?.state === "unknown" || listed?.state === "paused"); // not asked, or not answered
    await assert.rejects(hypervisor.fireMark(stuck, { deadlineMs: 500 }), (error) => isFailure(error, "no-answer"));
    giveUp.abort(reason);
    for (const each of hanging) await assert.rejects(each, reason);
    await hypervisor.act(stuck, "poweroff", patient);
    assert.ok(!(await alive(pid)));
  });

  story("what changes while nothing is heard is told afterwards", ["lose"], async ({ t, world, hypervisor }) => {
    const { name } = await world.boot(t);
    const guest = await hypervisor.guest(name);
    const { next, nextWhere } = await watched(hypervisor);
    const pid = row.lacks.includes("real") ? undefined : await world.emulator(name);
    const find = await world.lose();
    const { retryMs } = await next("disconnected");
    assert.ok(retryMs > 0);
    await assert.rejects(hypervisor.guests(), (error) => isFailure(error, "unreachable"));
    if (pid !== undefined) process.kill(pid, "SIGKILL");
    await find();
    // Who is back before it has noticed tells it as it happens.
    const told = await nextWhere(({ type }) => type === "missed" || type === "lifecycle");
    await next("connected");
    if (told.type === "missed") {
      assert.deepEqual(told.before, guest);
      assert.ok(told.after === undefined || told.after.state === "shutoff");
    } else {
      assert.ok(told.type === "lifecycle" && told.guest.uuid === guest.uuid && told.guest.run === undefined);
    }
    assert.ok(!(await hypervisor.guests()).some(({ uuid, run }) => uuid === guest.uuid && run !== undefined));
  });

  story("who has given up before the call gets the signal's reason", [], async ({ hypervisor }) => {
    const reason = new Error("enough");
    const signal = AbortSignal.abort(reason);
    await assert.rejects(hypervisor.guests({ signal }), reason);
    await assert.rejects(
      hypervisor.watch(() => {}, { signal }),
      reason,
    );
  });

  story("closing ends calls, watches and streams, and no guest", [], async ({ t, world, hypervisor }) => {
    const { name } = await world.boot(t);
    const mine = await world.open();
    const guest = await mine.guest(name);
    const { told } = await watched(mine);
    const console = mine.abilities.has("console") ? await mine.console(guest) : undefined;
    const ended = console && once(console, "close").catch(() => {});
    const underWay = assert.rejects(mine.guest(name), (error) => isFailure(error, "unreachable"));
    mine.close();
    await underWay;
    await ended;
    assert.ok(console?.destroyed ?? true);
    await assert.rejects(mine.guests(), (error) => isFailure(error, "unreachable"));
    const { hears } = await watched(hypervisor);
    await hypervisor.act(guest, "resume");
    await hears(guest, "resumed unpaused");
    assert.deepEqual(told, []);
  });
});

async function resume(pid: number): Promise<void> {
  if (await alive(pid)) process.kill(pid, "SIGCONT");
}

async function alive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
