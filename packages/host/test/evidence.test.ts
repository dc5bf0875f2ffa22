/** Evidence on a real disk: within its limits, and nobody's at another's cost. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Hypervisor } from "@bernard/hypervisor";
import { type Collector, EVIDENCE_BYTES, type Scene } from "../src/evidence/collector.ts";
import { EvidenceStore } from "../src/evidence/evidence-store.ts";

const sceneOf = (uuid: string): Scene => ({
  guest: { uuid, name: uuid, state: "running", reason: "booted", run: "1" },
  hypervisor: {} as Hypervisor,
  now: 0,
  said: undefined,
  console: Buffer.alloc(0),
  logDir: "/nowhere",
});

function store(t: TestContext, collect: Collector["collect"], limits = {}) {
  const dir = mkdtempSync(join(tmpdir(), "bernard-evidence-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const all = { keepForMs: 86_400_000, perGuestBytes: 1000, inAllBytes: 2000, ...limits };
  return { dir: join(dir, "evidence"), evidence: new EvidenceStore(dir, [{ name: "it", collect }], all) };
}

const bytes = (length: number) => async () => ({ file: "it", bytes: Buffer.alloc(length) });

test("a guest that has too much loses its own, oldest first, and no other's", async (t) => {
  const { dir, evidence } = store(t, bytes(600));
  for (let incident = 1; incident <= 3; incident++) await evidence.take(incident, "fire", sceneOf("quiet"));
  await evidence.tidy(Date.now());
  assert.deepEqual(readdirSync(join(dir, "quiet")), ["3"]);
  for (let incident = 4; incident <= 9; incident++) await evidence.take(incident, "fire", sceneOf("loud"));
  await evidence.tidy(Date.now());
  assert.deepEqual([readdirSync(join(dir, "loud")), readdirSync(join(dir, "quiet"))], [["9"], ["3"]]);
});

test("of too much in all the oldest goes, whosever it is", async (t) => {
  const { dir, evidence } = store(t, bytes(600));
  for (const [index, uuid] of ["a", "b", "c", "d"].entries()) await evidence.take(index + 1, "fire", sceneOf(uuid));
  await evidence.tidy(Date.now());
  assert.deepEqual(readdirSync(dir).toSorted(), ["b", "c", "d"]);
});

test("what is taken is for its owner alone, and no piece is longer than 16 MiB", async (t) => {
  const { dir, evidence } = store(t, bytes(EVIDENCE_BYTES + 1));
  await evidence.take(1, "fire", sceneOf("a"));
  const modeOf = (...path: string[]) => (statSync(join(dir, ...path)).mode & 0o777).toString(8);
  assert.deepEqual([modeOf(), modeOf("a", "1", "fire"), modeOf("a", "1", "fire", "it")], ["700", "700", "600"]);
  assert.equal(statSync(join(dir, "a", "1", "fire", "it")).size, 16 * 2 ** 20);
});

test("what is too old goes with its guest's directory; the highest number is known", async (t) => {
  const { dir, evidence } = store(t, bytes(1));
  await evidence.take(7, "fire", sceneOf("a"));
  await evidence.take(12, "fire", sceneOf("b"));
  assert.equal(await evidence.highest(), 12);
  await evidence.tidy(Date.now() + 2 * 86_400_000);
  assert.deepEqual(readdirSync(dir), []);
  assert.equal(await evidence.highest(), 0);
});

test("a thousand guests in trouble at once are looked at a few at a time, and all of them", async (t) => {
  let now = 0;
  let most = 0;
  const { dir, evidence } = store(t, async () => {
    most = Math.max(most, ++now);
    await new Promise((resolve) => setImmediate(resolve));
    now--;
    return { file: "it", bytes: Buffer.alloc(1) };
  });
  await Promise.all(Array.from({ length: 1000 }, (_, i) => evidence.take(i, "storage-pause", sceneOf(`${i}`))));
  assert.equal(readdirSync(dir).length, 1000);
  assert.ok(most <= 16, `${most} at a time`);
});

test("what is just being taken, or was when the daemon was killed, is not shown", async (t) => {
  const { dir, evidence } = store(t, bytes(1));
  mkdirSync(join(dir, "a", "1", "panic.part"), { recursive: true });
  writeFileSync(join(dir, "a", "1", "panic.part", "it"), "");
  await evidence.take(1, "fire", sceneOf("a"));
  assert.deepEqual(await evidence.files("a", 1), [{ path: "fire/it", bytes: 1 }]);
});

test("evidence is there when it was taken to the end, and not before: what a killed daemon began is taken again", async (t) => {
  const meanwhile: boolean[] = [];
  const { evidence } = store(t, async () => {
    meanwhile.push(evidence.has("a", 1, "fire"));
    return { file: "it", bytes: Buffer.alloc(1) };
  });
  await evidence.take(1, "fire", sceneOf("a"));
  assert.deepEqual([...meanwhile, evidence.has("a", 1, "fire")], [false, true]);
});

test("so much at once is tidied at once", async (t) => {
  const { evidence } = store(t, bytes(100));
  assert.equal(evidence.isUntidy, false);
  for (let incident = 1; incident <= 3; incident++) await evidence.take(incident, "fire", sceneOf("a"));
  assert.equal(evidence.isUntidy, true);
  await evidence.tidy(Date.now());
  assert.equal(evidence.isUntidy, false);
});

test("evidence that is deleted while it is counted, or taken, troubles nobody", async (t) => {
  const { dir, evidence } = store(t, bytes(1));
  for (let round = 0; round < 50; round++) {
    mkdirSync(join(dir, "a", "1", "panic"), { recursive: true });
    await Promise.all([
      evidence.take(round, "fire", sceneOf("a")).catch(() => {}),
      evidence.files("a", round),
      evidence.tidy(Date.now()),
      evidence.forget("a"),
    ]);
  }
  await evidence.forget("a");
  assert.deepEqual(await evidence.files("a", 1), []);
});
