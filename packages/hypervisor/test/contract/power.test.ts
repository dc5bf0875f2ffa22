/** What is done to guests, what they do themselves, and what is told of it. */
import assert from "node:assert/strict";
import { isFailure } from "../../src/errors.ts";
import type { Guest } from "../../src/hypervisor.ts";
import { onEachAdapter, watched } from "./suite.ts";

const stateOf = ({ state, reason }: Guest) => `${state} (${reason})`;

onEachAdapter((story, row) => {
  story("a guest is paused and resumed, and both are told", [], async ({ t, world, hypervisor }) => {
    const { name } = await world.boot(t);
    const guest = await hypervisor.guest(name);
    const { hears } = await watched(hypervisor);
    await hypervisor.act(guest, "resume");
    const resumed = await hears(guest, "resumed unpaused");
    assert.ok(resumed.type === "lifecycle" && resumed.guest.state === "running");
    assert.equal((await hypervisor.guest(name)).state, "running");
    await hypervisor.act(guest, "pause");
    const paused = await hears(guest, "suspended paused");
    assert.ok(paused.type === "lifecycle");
    assert.deepEqual(paused.guest, await hypervisor.guest(name));
    assert.deepEqual(paused.guest, { ...guest, state: "paused", reason: "user" });
  });

  story("a reset is told, and leaves a paused guest paused", ["real"], async ({ t, world, hypervisor }) => {
    const { name } = await world.boot(t);
    const guest = await hypervisor.guest(name);
    const { hears } = await watched(hypervisor);
    await hypervisor.act(guest, "reset");
    await hears(guest, "reset");
    assert.deepEqual(await hypervisor.guest(name), guest);
    await hypervisor.act(guest, "resume");
    await hypervisor.act(guest, "reset");
    await hears(guest, "reset");
    assert.equal((await hypervisor.guest(name)).state, "running");
    await hypervisor.act(guest, "inject-nmi");
    await hypervisor.act(guest, "shutdown"); // it does not obey
    assert.equal((await hypervisor.guest(name)).run, guest.run);
  });

  story("a guest that is powered off has no run", [], async ({ t, world, hypervisor }) => {
    const { name } = await world.boot(t);
    const guest = await hypervisor.guest(name);
    const { nextWhere } = await watched(hypervisor);
    await hypervisor.act(guest, "poweroff");
    const stopped = await nextWhere((event) => event.type === "lifecycle" && event.change === "stopped");
    assert.ok(stopped.type === "lifecycle");
    assert.deepEqual([stopped.guest.state, stopped.guest.run], ["shutoff", undefined]);
    if (row.lacks.includes("definitions")) {
      await assert.rejects(hypervisor.guest(name), (error) => isFailure(error, "gone"));
      return;
    }
    assert.equal((await hypervisor.guest(name)).run, undefined);
    if (row.lacks.includes("real")) return; // libvirt's test driver calls it an internal error
    for (const act of ["pause", "poweroff"] as const) {
      await assert.rejects(hypervisor.act(guest, act), (error) => isFailure(error, "wrong-state"), act);
    }
  });

  story("a guest that is started has another run", ["start"], async ({ t, world, hypervisor }) => {
    const { name } = await world.boot(t);
    const guest = await hypervisor.guest(name);
    await hypervisor.act(guest, "poweroff");
    const { hears } = await watched(hypervisor);
    await hypervisor.act(guest, "start");
    const started = await hears(guest, "started booted");
    assert.ok(started.type === "lifecycle" && started.guest.run !== undefined && started.guest.run !== guest.run);
    assert.equal((await hypervisor.guest(name)).run, started.guest.run);
    if (row.lacks.includes("real")) return;
    await assert.rejects(hypervisor.act(guest, "start"), (error) => isFailure(error, "wrong-state"));
  });

  for (const [action, told, end] of [
    ["pause", "suspended watchdog", "paused (watchdog)"],
    ["reset", "reset", "running"],
    ["none", undefined, "running"],
    ["inject-nmi", undefined, "running"],
    ["shutdown", undefined, "running"],
    ["poweroff", "stopped failed", undefined],
  ] as const) {
    const title = `a fire with the action ${action}, set as it runs, is told and done`;
    story(title, ["real", "set-action"], async ({ t, world, hypervisor }) => {
      const { name } = await world.boot(t, { action: action === "none" ? "reset" : "none" });
      const guest = await hypervisor.guest(name);
      const { hears } = await watched(hypervisor);
      await hypervisor.setWatchdogAction(guest, action);
      await hypervisor.act(guest, "resume");
      const fire = await hears(guest, `fire ${action}`);
      assert.deepEqual(fire, { type: "fire", guest: { uuid: guest.uuid, name, run: guest.run }, action });
      if (told !== undefined) await hears(guest, told);
      if (end !== undefined) assert.ok(stateOf(await hypervisor.guest(name)).startsWith(end));
    });
  }
});
