import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Timeline } from "../src/timeline.ts";

const any = () => true;

suite("a timeline", () => {
  test("tells what is there already, from the asked time on", async () => {
    const timeline = new Timeline();
    timeline.add({ atMs: 1 });
    timeline.add({ atMs: 2 });
    assert.deepEqual(await timeline.next(any, 1000, 2), { atMs: 2 });
  });

  test("awaits the first that passes", async () => {
    const timeline = new Timeline();
    const next = timeline.next((item) => item.atMs > 5, 1000, 0);
    timeline.add({ atMs: 5 });
    timeline.add({ atMs: 6 });
    timeline.add({ atMs: 7 });
    assert.deepEqual(await next, { atMs: 6 });
  });

  test("gives up at the deadline, and at the end of all", async () => {
    const timeline = new Timeline();
    assert.equal(await timeline.next(any, 1, 0), undefined);
    const next = timeline.next(any, 60_000, 0);
    timeline.end();
    assert.equal(await next, undefined);
    assert.equal(await timeline.next(any, 60_000, 0), undefined);
  });
});
