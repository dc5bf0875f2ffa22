/** Which guests there are, and what becomes of one. */
import assert from "node:assert/strict";
import { isFailure } from "../../src/errors.ts";
import type { GuestId } from "../../src/hypervisor.ts";
import { onEachAdapter } from "./suite.ts";

const NOBODY: GuestId = { uuid: "00000000-0000-4000-8000-000000000000", name: "nobody", run: undefined };

onEachAdapter((story) => {
  story("a guest is listed, and found by its name and its UUID", [], async ({ t, world, hypervisor }) => {
    const { name } = await world.boot(t);
    const guest = await hypervisor.guest(name);
    assert.equal(guest.name, name);
    assert.equal(guest.state, "paused");
    assert.ok(guest.run !== undefined);
    assert.match(guest.uuid, /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
    assert.deepEqual(await hypervisor.guest(guest.uuid), guest);
    assert.deepEqual(await hypervisor.guest(guest.uuid.toUpperCase()), guest);
    assert.deepEqual(
      (await hypervisor.guests()).find(({ uuid }) => uuid === guest.uuid),
      guest,
    );
  });

  story("a guest that nobody has is gone, whatever is asked of it", [], async ({ hypervisor }) => {
    for (const ask of [
      () => hypervisor.guest(NOBODY.name),
      () => hypervisor.guest(NOBODY.uuid),
      () => hypervisor.hardware(NOBODY, "now"),
      () => hypervisor.act(NOBODY, "pause"),
    ]) {
      await assert.rejects(ask, (error) => isFailure(error, "gone"));
    }
  });
});
