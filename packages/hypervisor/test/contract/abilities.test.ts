/** What an adapter cannot do, it says beforehand, and refuses. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { isFailure } from "../../src/errors.ts";
import type { Ability, Guest, Hypervisor } from "../../src/hypervisor.ts";
import { lastFirst } from "../libvirt/last-first.ts";
import { onEachAdapter, watched } from "./suite.ts";

const CALLS: Readonly<Record<Ability, (hypervisor: Hypervisor, guest: Guest, dir: string) => Promise<unknown>>> = {
  act: (hypervisor, guest) => hypervisor.act(guest, "resume"),
  start: (hypervisor, guest) => hypervisor.act(guest, "start"),
  "set-action": (hypervisor, guest) => hypervisor.setWatchdogAction(guest, "none"),
  screenshot: (hypervisor, guest) => hypervisor.screenshot(guest),
  dump: (hypervisor, guest, dir) => hypervisor.dumpMemory(guest, join(dir, "core")),
  console: (hypervisor, guest) => hypervisor.console(guest),
  channel: (hypervisor, guest) => hypervisor.channel(guest, "org.bernard.guest.0"),
  agent: (hypervisor, guest) => hypervisor.agent(guest, { execute: "guest-ping" }),
  "fire-mark": (hypervisor, guest) => hypervisor.fireMark(guest),
};

const abilities = Object.keys(CALLS) as Ability[];

onEachAdapter((story, row) => {
  story("what it cannot do is no ability of it, and rejected as unsupported", [], async ({ t, world, hypervisor }) => {
    const { name } = await world.boot(t);
    const guest = await hypervisor.guest(name);
    for (const ability of abilities) {
      assert.equal(hypervisor.abilities.has(ability), !row.lacks.includes(ability), ability);
      if (hypervisor.abilities.has(ability)) continue;
      await assert.rejects(CALLS[ability](hypervisor, guest, world.dir), (error) => isFailure(error, "unsupported"));
    }
  });

  story("one that only reads sees everything and does nothing", [], async ({ t, world, hypervisor }) => {
    const { name } = await world.boot(t);
    const reader = await world.open({ readOnly: true });
    lastFirst(t, () => reader.close());
    assert.equal(reader.abilities.size, 0);
    const guest = await reader.guest(name);
    for (const ability of abilities) {
      await assert.rejects(CALLS[ability](reader, guest, world.dir), (error) => isFailure(error, "unsupported"));
    }
    assert.deepEqual(await reader.guest(name), guest);
    const { connected, hears } = await watched(reader);
    assert.deepEqual(
      connected.guests.find(({ uuid }) => uuid === guest.uuid),
      guest,
    );
    await hypervisor.act(guest, "resume");
    await hears(guest, "resumed unpaused");
  });
});
