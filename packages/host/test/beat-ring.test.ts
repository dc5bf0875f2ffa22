/** A guest's last beats, as the evidence has them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Beat, CheckReport } from "@bernard/protocol";
import { BEATS, BeatRing } from "../src/daemon/beat-ring.ts";

const beat = (feeds: number, checks: readonly CheckReport[] = []): Beat => ({
  ...{ type: "beat", v: 1, at: feeds, seq: feeds, rounds: feeds, late_rounds: 0, worst_late_ms: 0.5 },
  feeds,
  checks,
});

const check = (name: string, readings: Readonly<Record<string, number>>): CheckReport => ({
  ...{ name, verdict: "failing", reason: "", readings },
});

test("an empty ring has no rows", () => {
  assert.deepEqual(new BeatRing().table(0), { columns: ["ms_before"], rows: [] });
});

test("a reading that comes later, or is missing, is null where no beat said it", () => {
  const ring = new BeatRing();
  ring.push(1_000, beat(1));
  const many = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`r${i}`, i]));
  ring.push(2_000, beat(2, [check("memory", many)]));
  ring.push(3_000, beat(3));
  const { columns, rows } = ring.table(4_000);
  const readings = Object.keys(many).map((name) => `memory ${name}`);
  assert.deepEqual(columns, ["ms_before", "late_rounds", "worst_late_ms", "feeds", "memory verdict", ...readings]);
  const nothing = readings.map(() => null);
  assert.deepEqual(rows, [
    [3_000, 0, 0.5, 1, null, ...nothing],
    [2_000, 0, 0.5, 2, 1, ...Object.values(many)],
    [1_000, 0, 0.5, 3, null, ...nothing],
  ]);
});

test("each value stands in its column, whichever readings come later, change or end", () => {
  const ring = new BeatRing();
  ring.push(1_000, beat(1, [check("memory", { full: 0 }), check("disk:/", { waiting: 0, frozen: 1 })]));
  ring.push(2_000, beat(1, [check("memory", { full: 0, some: 7 }), check("disk:/", { waiting: 3, frozen: 1 })]));
  ring.push(3_000, beat(1, [check("disk:/", { waiting: 0, frozen: 1 })]));
  const { columns, rows } = ring.table(3_000);
  const told = rows.map((row) => Object.fromEntries(columns.map((column, i) => [column, row[i]])));
  const always = { late_rounds: 0, worst_late_ms: 0.5, feeds: 1, "disk:/ verdict": 1, "disk:/ frozen": 1 };
  assert.deepEqual(told, [
    { ms_before: 2_000, ...always, "memory verdict": 1, "memory full": 0, "memory some": null, "disk:/ waiting": 0 },
    { ms_before: 1_000, ...always, "memory verdict": 1, "memory full": 0, "memory some": 7, "disk:/ waiting": 3 },
    { ms_before: 0, ...always, "memory verdict": null, "memory full": null, "memory some": null, "disk:/ waiting": 0 },
  ]);
});

test("the last beats are kept, the oldest first", () => {
  const ring = new BeatRing();
  for (let i = 1; i <= BEATS + 30; i++) ring.push(i, beat(i));
  const { rows } = ring.table(BEATS + 30);
  assert.deepEqual(
    rows.map((row) => row[3]),
    Array.from({ length: BEATS }, (_, i) => i + 31),
  );
});

test("a guest that tells of ever more takes no more memory", () => {
  const ring = new BeatRing();
  for (let i = 1; i <= 300; i++) ring.push(i, beat(i, [check(`check-${i}`, { value: i })]));
  assert.equal(ring.table(300).columns.length, 1 + 96);
});
