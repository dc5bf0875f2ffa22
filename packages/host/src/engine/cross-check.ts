/**
 * Before a guest that is not heard is an incident, it is watched from outside: one whose disks or network move lives, and one
 * whose host is starved is not to blame.
 */
import type { GuestRecord, Reading } from "./guest-record.ts";
import type { Settings } from "./settings.ts";
import type { Step } from "./signs/rule.ts";
import { isAnswering, isRunning } from "./signs/states.ts";

/** Milliseconds between two questions to an emulator that does not answer. */
const ASK_AGAIN_MS = 10_000;

/** Whether a guest that once said hello has had all the time that a boot may take. */
export function isBootOverdue(now: GuestRecord, at: number, { bootMs }: Settings): boolean {
  return isUnheard(now) && at - now.upSince >= bootMs;
}

/** Whether it runs, and its daemon was there before, but not since it was booted. */
export const isUnheard = (now: GuestRecord): boolean => isRunning(now) && now.hasDaemon && !now.isHeard;

/** When a reading of this guest is wanted next; undefined: none is. */
export function readAt(now: GuestRecord, settings: Settings): number | undefined {
  const { unansweredSince, askedAt, baseline } = now;
  if (unansweredSince !== undefined) return (askedAt ?? unansweredSince) + ASK_AGAIN_MS;
  if (!isAnswering(now)) return undefined;
  const routine = askedAt === undefined ? now.upSince + spread(now, settings) : askedAt + settings.askMs;
  const suspectedAt = suspectedFrom(now, settings);
  if (suspectedAt === undefined) return routine;
  const next = baseline === undefined ? suspectedAt : baseline.at + settings.crossCheckMs;
  // Asked, and not answered yet: the answer, or that there is none, comes by itself.
  return askedAt !== undefined && askedAt >= next ? routine : Math.min(next, routine);
}

/** Guests that are met together are not all asked together. */
const spread = ({ guest }: GuestRecord, { askMs }: Settings): number =>
  Number.parseInt(guest.uuid.slice(0, 8), 16) % askMs;

/** Whether it is watched from outside, for nothing has been heard for too long. */
export function isSuspected(now: GuestRecord, at: number, settings: Settings): boolean {
  const from = suspectedFrom(now, settings);
  return from !== undefined && at >= from;
}

function suspectedFrom(now: GuestRecord, { silenceMs, bootMs }: Settings): number | undefined {
  if (!isRunning(now)) return undefined;
  if (now.quietSince !== undefined) return now.quietSince + silenceMs;
  return isUnheard(now) ? now.upSince + bootMs : undefined;
}

/** What was seen where a guest did nothing for the whole time, for people; undefined: it lives, cannot help it, or time is not over. */
export function crossCheck({ before, now, input, settings }: Step): string | undefined {
  const { baseline } = before;
  if (input.type !== "reading" || now.reading === undefined || baseline === undefined) return undefined;
  if (now.reading.at - baseline.at < settings.crossCheckMs) return undefined;
  if (moved(baseline, now.reading) || starved(baseline, now.reading, settings)) return undefined;
  const seconds = (now.reading.at - baseline.at) / 1000;
  const ran = now.reading.counters.processors.ranS - baseline.counters.processors.ranS;
  return `in ${Math.round(seconds)} s no disk or network moved, its processors ran ${ran.toFixed(1)} s`;
}

/** A hung guest still receives what others send it. */
function moved({ counters: from }: Reading, { counters: to }: Reading): boolean {
  return (
    to.disk.reads !== from.disk.reads ||
    to.disk.writes !== from.disk.writes ||
    to.network?.sentBytes !== from.network?.sentBytes
  );
}

/** Whether the host itself says that it has too much to do. */
export function isOverloaded({ host }: Reading, { hostPressure }: Settings): boolean {
  return Math.max(host.cpuSome, host.memoryFull, host.ioFull) >= hostPressure;
}

function starved(from: Reading, to: Reading, settings: Settings): boolean {
  if (isOverloaded(from, settings) || isOverloaded(to, settings)) return true;
  const { waitedS } = to.counters.processors;
  if (waitedS === undefined) return false;
  const waited = waitedS - (from.counters.processors.waitedS ?? 0);
  const ready = to.counters.processors.ranS - from.counters.processors.ranS + waited;
  const elapsed = (to.at - from.at) / 1000;
  // A guest that hardly wants to run waits hardly, and not for want of a processor does it say nothing.
  return [ready, elapsed].every((time) => time > 0 && (100 * waited) / time >= settings.stealPercent);
}
