/** The guest goes bad, and comes back by itself with the reason told: on both devices, each trouble really happening. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { exhaustMemory, failDisk, failQuietDisk, hang, type TestGuest, watchRescue } from "@bernard/testbed";
import { bootFedGuest, DEADLINES, fires } from "./stage.ts";

interface Story {
  readonly model: "i6300esb" | "ib700";
  readonly trouble: string;
  readonly fault: (guest: TestGuest) => Promise<void>;
  /** What the last words must say; null: a hung guest says nothing. */
  readonly cause: RegExp | null;
  readonly cpus?: number;
}

const disk = {
  trouble: "its disk stops writing",
  fault: failDisk,
  cause: /^disk:\/data: \/data refuses writes: (EROFS|EIO) at /,
};
/** ext4 dies under the probe's own hands, between its create and its remove. */
const quietDisk = {
  trouble: "its disk stops writing, and the probe is the first to notice",
  fault: failQuietDisk,
  cause: /^disk:\/data: \/data refuses writes: (EROFS|EIO) at /,
};
const memory = {
  trouble: "its memory is exhausted",
  fault: exhaustMemory,
  cause: /^memory: .* % of memory available .* stalled /,
};
const hung = { trouble: "it hangs", fault: hang, cause: null, cpus: 2 };

const stories: readonly Story[] = [
  { model: "i6300esb", ...disk },
  { model: "i6300esb", ...quietDisk },
  { model: "i6300esb", ...memory },
  { model: "i6300esb", ...hung },
  { model: "ib700", ...disk },
  { model: "ib700", ...memory },
];

suite("a guest comes back when", { concurrency: 2 }, () => {
  for (const { model, trouble, fault, cause, cpus = 1 } of stories) {
    test(`${trouble} (${model})`, async (t) => {
      const guest = await bootFedGuest(t, { watchdog: model, cpus });
      const boots = guest.boots.length;
      const faultAt = performance.now();
      await fault(guest);
      const rescue = await watchRescue(guest, faultAt, DEADLINES);
      t.diagnostic(JSON.stringify(rescue));
      if (cause === null) assert.equal(rescue.cause, null);
      else assert.match(rescue.cause ?? "silence", cause);
      assert.equal(fires(guest), 1, "one trouble, one fire");
      assert.equal(guest.boots.length, boots + 1, "one fire, one boot");
      const { code, output } = await guest.run("touch /data/after && sync");
      assert.equal(code, 0, `a reset brings the disk back: ${output}`);
      if (fault === exhaustMemory) {
        const kept = await guest.run("cat /data/bernard-guest/last-words");
        assert.match(kept.output, /^[0-9.]+ s after boot: memory failed: /, "the last words are on the disk");
      }
    });
  }
});
