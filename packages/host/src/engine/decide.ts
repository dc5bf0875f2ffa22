/**
 * All judgement about one guest: what an input makes of what is known, and what is to be done about it. Pure: the same inputs
 * give the same effects to the byte, at any time and in any place.
 */
import { readAt } from "./cross-check.ts";
import { follow, type GuestRecord } from "./guest-record.ts";
import type { Effect, Incident, Outcome, Sign } from "./incident.ts";
import type { Input } from "./input.ts";
import type { Settings } from "./settings.ts";
import { rules } from "./signs/index.ts";
import { isRunning } from "./signs/states.ts";

/** Milliseconds after a sign in which a message may still be one that was sent before it. */
const LATE_MESSAGE_MS = 2_000;

export interface Decision {
  readonly record: GuestRecord;
  /** In the order in which they are to be carried out. */
  readonly effects: readonly Effect[];
}

/**
 * @param before `newRecord` where the guest was never seen
 * @param nextId the number that an incident gets that begins here
 */
export function decide(before: GuestRecord, input: Input, settings: Settings, nextId: number): Decision {
  const now = follow(before, input, settings);
  const effects: Effect[] = [];
  let { incident, begun } = now;
  for (const rule of rules) {
    const detail = rule.found({ before, now, input, settings });
    if (detail === undefined) continue;
    if (incident?.signs.some(({ sign }) => sign === rule.sign)) {
      incident = { ...incident, lastSignAt: input.at };
      continue;
    }
    const sign: Sign = { sign: rule.sign, at: input.at, detail };
    if (incident === undefined) begun = [...begun.filter((each) => input.at - each < settings.loopMs), input.at];
    incident = withSign(incident, sign, now, nextId);
    effects.push(incident.signs.length === 1 ? { type: "open", incident } : { type: "sign", id: incident.id, sign }, {
      type: "evidence",
      id: incident.id,
      uuid: input.uuid,
      sign: rule.sign,
    });
    if (input.at < now.mutedUntil) continue;
    effects.push({ type: "alert", id: incident.id, sign });
    const help = rule.remedy?.(now);
    if (help !== undefined) effects.push({ type: "would", id: incident.id, at: input.at, ...help });
  }
  // What began unheard in a mute, and is not over when that ends.
  const untold = before.mutedUntil > 0 && now.mutedUntil === 0 ? before.incident?.signs.at(-1) : undefined;
  if (untold !== undefined && incident !== undefined && isLasting(incident, now))
    effects.push({ type: "alert", id: incident.id, sign: untold });
  const outcome = incident && outcomeOf(incident, { ...now, begun }, input, settings);
  if (incident !== undefined && outcome !== undefined) {
    effects.push({ type: "close", id: incident.id, outcome, at: input.at });
    incident = undefined;
  }
  const asks = input.at >= (readAt(now, settings) ?? Number.POSITIVE_INFINITY);
  if (asks) effects.push({ type: "read", uuid: input.uuid });
  return { record: { ...now, incident, begun, askedAt: asks ? input.at : now.askedAt }, effects };
}

/** When the guest is to be judged again though nothing happens; undefined: not before it does. */
export function dueAt(now: GuestRecord, settings: Settings): number | undefined {
  const times = rules.map((rule) =>
    now.incident?.signs.some(({ sign }) => sign === rule.sign) ? undefined : rule.dueAt?.(now, settings),
  );
  times.push(readAt(now, settings), now.incident && calmAt(now.incident, now, settings));
  if (now.mutedUntil > 0) times.push(now.mutedUntil);
  const due = times.filter((time) => time !== undefined);
  return due.length === 0 ? undefined : Math.min(...due);
}

function withSign(incident: Incident | undefined, sign: Sign, { guest }: GuestRecord, nextId: number): Incident {
  const { uuid, name } = guest;
  if (incident === undefined) return { id: nextId, uuid, name, signs: [sign], lastSignAt: sign.at };
  return { ...incident, signs: [...incident.signs, sign], lastSignAt: sign.at };
}

function outcomeOf(incident: Incident, now: GuestRecord, input: Input, settings: Settings): Outcome | undefined {
  if (input.type === "gone") return "gone";
  if (isLasting(incident, now)) return undefined;
  if (now.guest.state === "shutoff") return "off";
  // One that is well again and again is not; and nobody writes as many incidents as they like.
  const lateMs = now.begun.length > settings.loopEnds ? settings.calmMs : LATE_MESSAGE_MS;
  if (isWell(input) && input.at - incident.lastSignAt >= lateMs) return "back";
  return input.at >= (calmAt(incident, now, settings) ?? Number.POSITIVE_INFINITY) ? "calm" : undefined;
}

function isLasting({ signs }: Incident, now: GuestRecord): boolean {
  return rules.some((rule) => rule.lasts?.(now) && signs.some(({ sign }) => sign === rule.sign));
}

/** A daemon that has just begun, or that finds nothing wrong. */
function isWell(input: Input): boolean {
  if (input.type !== "message") return false;
  const { message } = input;
  return (
    message.type === "hello" || (message.type === "beat" && message.checks.every((each) => each.verdict === "healthy"))
  );
}

/** Of a guest whose daemon will tell, nothing is taken for granted. */
function calmAt(incident: Incident, now: GuestRecord, { calmMs, bootMs, crossCheckMs }: Settings): number | undefined {
  if (!isRunning(now)) return undefined;
  const since = Math.max(incident.lastSignAt, now.stateSince);
  const hasLeft = now.isHeard && now.quietSince === undefined;
  if (!now.hasDaemon || hasLeft) return since + calmMs;
  // A daemon that comes no more was removed, or another system was installed: by then a boot that hangs was found to.
  return now.isHeard ? undefined : Math.max(since, now.upSince) + bootMs + 2 * crossCheckMs;
}
