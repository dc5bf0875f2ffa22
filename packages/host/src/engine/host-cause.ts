/**
 * Many guests in trouble at a time for one reason are one incident of the host. The proof is the host's own: emulators that do
 * not answer, storage errors, the host's pressure. What guests say of themselves never is: they may lie together.
 */
import { isOverloaded } from "./cross-check.ts";
import type { GuestRecord } from "./guest-record.ts";
import type { Effect, Incident, SignName } from "./incident.ts";
import type { Settings } from "./settings.ts";
import { isPausedBy, isRunning } from "./signs/states.ts";

interface Cause {
  readonly sign: SignName;
  /** Signs of guests that it explains: these alert no more. */
  readonly covers: readonly SignName[];
  has(record: GuestRecord, at: number, settings: Settings): boolean;
  detail(guests: number): string;
}

export const CAUSES: readonly Cause[] = [
  {
    sign: "storage-down",
    covers: ["emulator-stuck", "storage-pause"],
    has: (record) => isPausedBy(record, "ioerror") || isStuck(record),
    detail: (guests) => `the storage of ${guests} guests fails or is stuck`,
  },
  {
    sign: "overload",
    covers: ["silence", "hung-boot"],
    has: (record, at, settings) =>
      isRunning(record) &&
      record.quietSince !== undefined &&
      at - record.quietSince >= settings.silenceMs &&
      record.reading !== undefined &&
      record.reading.at >= record.quietSince &&
      isOverloaded(record.reading, settings),
    detail: (guests) => `${guests} guests are silent while the host has too much to do`,
  },
];

function isStuck({ unansweredSince, incident }: GuestRecord): boolean {
  return unansweredSince !== undefined && incident?.signs.some(({ sign }) => sign === "emulator-stuck") === true;
}

/** What the host's incident becomes: begun, the same, or ended; that when it was calm for a while, for guests come and go. */
export function hostCause(
  incident: Incident | undefined,
  records: readonly GuestRecord[],
  at: number,
  settings: Settings,
  nextId: number,
): { readonly incident: Incident | undefined; readonly effects: readonly Effect[] } {
  for (const cause of CAUSES) {
    const guests = records.filter((record) => cause.has(record, at, settings)).length;
    if (guests < settings.hostGuests) continue;
    if (incident !== undefined) return { incident: { ...incident, lastSignAt: at }, effects: [] };
    const sign = { sign: cause.sign, at, detail: cause.detail(guests) };
    const opened: Incident = { id: nextId, uuid: undefined, name: "host", signs: [sign], lastSignAt: at };
    return {
      incident: opened,
      effects: [
        { type: "open", incident: opened },
        { type: "alert", id: nextId, sign },
      ],
    };
  }
  if (incident === undefined || at - incident.lastSignAt < settings.calmMs) return { incident, effects: [] };
  return { incident: undefined, effects: [{ type: "close", id: incident.id, outcome: "calm", at }] };
}

/** Whether that alert is told by the host's incident already. */
export function isCovered(effect: Effect, incident: Incident | undefined): boolean {
  const cause = CAUSES.find(({ sign }) => sign === incident?.signs[0]?.sign);
  return effect.type === "alert" && cause !== undefined && cause.covers.includes(effect.sign.sign);
}
