/** QEMU's WATCHDOG events against our throttle: of many fires within a second, which ones are told? */
import { setTimeout } from "node:timers/promises";
import { EventThrottle } from "../src/event-throttle.ts";
import { Timeline } from "../src/index.ts";
import type { Emulator } from "./emulator.ts";
import type { Fire } from "./punctuality.ts";

/** Milliseconds by which a timestamp may lie outside the look in which the fire was seen. */
const TOLERANCE = 2;

/** A fire at the very end of a second may be the last of it or the first of the next. */
const NEIGHBOURS = 1;

/** Milliseconds after the last fire in which every event must have come: a second, and what a busy host adds. */
const PATIENCE = 5000;

/** QEMU tells of other fires than our throttle. A host that was busy at a second's end can do that once. */
export class EventMismatch extends Error {}

/** The fires, by number, of which an event tells. */
function toldFires(fires: readonly Fire[]): number[] {
  const timeline = new Timeline();
  const told: number[] = [];
  const throttle = new EventThrottle<number>(timeline, (fire) => told.push(fire));
  const start = fires[0]?.from ?? 0;
  for (const [number, { from, to }] of fires.entries()) {
    timeline.runUntil(BigInt(Math.round(((from + to) / 2 - start) * 1e6)));
    throttle.push(number);
  }
  while (timeline.runNext());
  return told;
}

/** @returns how many events there were; throws an EventMismatch where they tell of other fires than ours would */
export async function verifyEvents(qemu: Emulator, fires: readonly Fire[]): Promise<number> {
  const expected = toldFires(fires);
  await Promise.race([qemu.untilWatchdogEvents(expected.length), setTimeout(PATIENCE, undefined, { ref: false })]);
  const told = qemu.watchdogEvents.map((at) =>
    fires.findIndex(({ from, to }) => at >= from - TOLERANCE && at <= to + TOLERANCE),
  );
  const same =
    told.length === expected.length &&
    told.every((fire, i) => fire !== -1 && Math.abs(fire - expected[i]!) <= NEIGHBOURS);
  if (!same)
    throw new EventMismatch(
      `of ${fires.length} fires QEMU tells of ${told.join(" ")}; the model of ${expected.join(" ")}`,
    );
  return told.length;
}
