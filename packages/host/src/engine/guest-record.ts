/** What is known of one guest, and how each input changes it: facts only, no judgement. */
import { AGENT_CHANNEL, type Counters, type Guest } from "@bernard/hypervisor";
import type { WatchdogAction } from "@bernard/policy";
import type { GuestMessage } from "@bernard/protocol";
import { isSuspected } from "./cross-check.ts";
import type { Incident } from "./incident.ts";
import type { HostPressure, Input } from "./input.ts";
import type { Settings } from "./settings.ts";

export interface Reading {
  readonly at: number;
  readonly counters: Counters;
  readonly host: HostPressure;
  readonly lastLine: string;
}

export interface GuestRecord {
  readonly guest: Guest;
  /** Since when it is in this state. */
  readonly stateSince: number;
  /** Its last start or reset, as far as we saw it. */
  readonly upSince: number;
  /** What its definition says happens at a fire. */
  readonly action: WatchdogAction | undefined;
  /** Whether our daemon has been heard in any of its lives. */
  readonly hasDaemon: boolean;
  /** Whether it has been heard in this boot. */
  readonly isHeard: boolean;
  /** The boot id that it told last. */
  readonly boot: string | undefined;
  /** Since when nothing has been heard of its daemon; undefined where nothing can be expected. */
  readonly quietSince: number | undefined;
  /** While it is suspected: the reading that later ones are held against. */
  readonly baseline: Reading | undefined;
  /** Its last reading. */
  readonly reading: Reading | undefined;
  /** When a reading was last asked for. */
  readonly askedAt: number | undefined;
  readonly unansweredSince: number | undefined;
  readonly lastFire: { readonly at: number; readonly action: string } | undefined;
  /** Fires and announced ends, no older than a loop is long. */
  readonly ends: readonly number[];
  /** When its last incidents began, no older than a loop is long. */
  readonly begun: readonly number[];
  /** 0: it is not muted. */
  readonly mutedUntil: number;
  readonly incident: Incident | undefined;
}

/** A guest that was never seen before. */
export function newRecord(guest: Guest, at: number): GuestRecord {
  return {
    guest,
    stateSince: at,
    upSince: at,
    action: undefined,
    hasDaemon: false,
    boot: undefined,
    ...UNHEARD,
    reading: undefined,
    askedAt: undefined,
    unansweredSince: undefined,
    lastFire: undefined,
    ends: [],
    begun: [],
    mutedUntil: 0,
    incident: undefined,
  };
}

/** What a boot begins with. */
const UNHEARD = {
  isHeard: false,
  quietSince: undefined,
  baseline: undefined,
} as const;

/** The record after an input. */
export function follow(before: GuestRecord, input: Input, settings: Settings): GuestRecord {
  const isOver = before.mutedUntil > 0 && input.at >= before.mutedUntil;
  const record = isOver ? { ...before, mutedUntil: 0 } : before;
  switch (input.type) {
    case "seen":
    case "lifecycle":
      return inState(record, input.guest, input.at);
    case "reset":
      return { ...record, ...UNHEARD, upSince: input.at };
    case "fire":
      return { ...withEnd(record, input.at, settings), lastFire: { at: input.at, action: input.action } };
    case "channel":
      return agent(record, input);
    case "message":
      return heard(record, input.message, input.at, settings);
    case "hardware":
      return { ...record, action: input.action };
    case "reading":
      return read(record, input, settings);
    case "mute":
      return { ...record, mutedUntil: input.until };
    default:
      return record;
  }
}

function inState(record: GuestRecord, guest: Guest, at: number): GuestRecord {
  const { state, reason, run } = record.guest;
  if (guest.run !== run)
    return { ...record, ...UNHEARD, guest, stateSince: at, upSince: at, unansweredSince: undefined };
  if (guest.state === state && guest.reason === reason) return { ...record, guest };
  // While it stood it could say nothing.
  const quietSince = record.quietSince === undefined ? undefined : at;
  return { ...record, guest, stateSince: at, quietSince, baseline: undefined };
}

/** Milliseconds within which a second end is the same one: a guest reboots itself, and its watchdog fires on the way. */
const ONE_END_MS = 20_000;

function withEnd(record: GuestRecord, at: number, { loopMs }: Settings): GuestRecord {
  const last = record.ends.at(-1);
  if (last !== undefined && at - last < ONE_END_MS) return record;
  return { ...record, ends: [...record.ends.filter((each) => at - each < loopMs), at] };
}

function heard(record: GuestRecord, message: GuestMessage, at: number, settings: Settings): GuestRecord {
  const now = { ...record, hasDaemon: true, isHeard: true, quietSince: at, baseline: undefined };
  switch (message.type) {
    case "hello":
      return { ...now, boot: message.boot, upSince: message.boot === record.boot ? record.upSince : at };
    case "beat":
      return now;
    case "last-words":
      // A starved guest's fire counts itself; the other ends come without one.
      return message.acts && message.end !== "starve" ? withEnd(now, at, settings) : now;
    case "bye":
      return { ...now, quietSince: undefined };
  }
}

/** qemu-guest-agent speaks only when asked: that it is there is all that can be heard of a guest without our daemon. */
function agent(record: GuestRecord, { name, open, at }: Extract<Input, { type: "channel" }>): GuestRecord {
  if (name !== AGENT_CHANNEL || record.isHeard) return record;
  return { ...record, quietSince: open ? undefined : at, baseline: undefined };
}

function read(record: GuestRecord, input: Extract<Input, { type: "reading" }>, settings: Settings): GuestRecord {
  const { at, counters, host, lastLine } = input;
  if (counters === undefined) return { ...record, unansweredSince: record.unansweredSince ?? at, baseline: undefined };
  const reading = { at, counters, host, lastLine };
  const answered = { ...record, reading, unansweredSince: undefined };
  if (!isSuspected(record, at, settings)) return answered;
  const isOld = record.baseline === undefined || at - record.baseline.at >= settings.crossCheckMs;
  return { ...answered, baseline: isOld ? reading : record.baseline };
}
