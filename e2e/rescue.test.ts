/** The guest goes bad, and comes back by itself with the reason told: on both devices, each trouble really happening. */
import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import {
  exhaustMemory,
  failDisk,
  failQuietDisk,
  hang,
  type TestGuest,
  untilDiskWritable,
  watchRescue,
} from "@bernard/testbed";
import { bootFedGuest, DEADLINES, fires, sh, TIMEOUT_S } from "./stage.ts";

interface Trouble {
  readonly name: string;
  readonly fault: (guest: TestGuest) => Promise<void>;
  /** What the last words must say; null: a hung guest says nothing. */
  readonly cause: RegExp | null;
}

const refused = /^disk:\/data: \/data refuses writes: (EROFS|EIO) at /;
const disk: Trouble = { name: "its disk stops writing", fault: failDisk, cause: refused };
/** ext4 dies under the probe's own hands, between its create and its remove. */
const quietDisk: Trouble = {
  name: "its disk stops writing, and the probe is the first to notice",
  fault: failQuietDisk,
  cause: refused,
};
const memory: Trouble = {
  name: "its memory is exhausted",
  fault: exhaustMemory,
  cause: /^memory: .* % of memory available .* stalled /,
};
const hung: Trouble = { name: "it hangs", fault: hang, cause: null };

/** The troubles of one guest, one after the other: each ends in a boot, so that none has to be made for the next. */
const stories: readonly {
  readonly model: "i6300esb" | "ib700";
  readonly cpus: number;
  readonly troubles: readonly Trouble[];
}[] = [
  { model: "i6300esb", cpus: 1, troubles: [disk, memory] },
  { model: "ib700", cpus: 1, troubles: [disk, memory] },
  { model: "i6300esb", cpus: 2, troubles: [quietDisk, hung] },
];

suite("a guest comes back", { concurrency: 2 }, () => {
  for (const { model, cpus, troubles } of stories) {
    test(`on ${model}, with ${cpus} CPU`, async (t) => {
      const guest = await bootFedGuest(t, { watchdog: model, cpus });
      for (const trouble of troubles) await t.test(`when ${trouble.name}`, (t) => comesBack(t, guest, trouble));
    });
  }
});

async function comesBack(t: TestContext, guest: TestGuest, { fault, cause }: Trouble): Promise<void> {
  await untilDiskWritable(guest);
  const boots = guest.boots.length;
  const before = fires(guest);
  const faultAt = performance.now();
  await fault(guest);
  const rescue = await watchRescue(guest, faultAt, DEADLINES);
  t.diagnostic(JSON.stringify(rescue));
  if (cause === null) assert.equal(rescue.cause, null);
  else {
    assert.match(rescue.cause ?? "silence", cause);
    // Not a measurement: an uncut timeout would take all of its seconds, the shortest one takes one or two.
    const { failedToFire } = rescue.seconds;
    assert.ok(failedToFire !== null && failedToFire < TIMEOUT_S / 2, `the timeout was cut: ${failedToFire} s`);
  }
  assert.equal(fires(guest), before + 1, "one trouble, one fire");
  assert.equal(guest.boots.length, boots + 1, "one fire, one boot");
  await sh(guest, "touch /data/after && sync"); // a reset brings the disk back
  if (fault === exhaustMemory) {
    const kept = await sh(guest, "cat /data/bernard-guest/last-words");
    assert.match(kept, /^[0-9.]+ s after boot: memory failed: /, "the last words are on the disk");
  }
}
