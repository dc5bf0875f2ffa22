/** What of a guest's record outlives the daemon, and the record made of it again: there by the calendar, here by the clock. */
import type { Guest } from "@bernard/hypervisor";
import { type GuestRecord, newRecord } from "../engine/guest-record.ts";
import type { GuestFacts } from "../journal/journal.ts";
import { type Clock, dateOf, timeOf } from "./clock.ts";

export function factsOf({ guest, hasDaemon, boot, mutedUntil, ends }: GuestRecord, clock: Clock): GuestFacts {
  const { uuid, name, state, reason, run } = guest;
  return {
    ...{ uuid, name, state, reason, run, hasDaemon, boot },
    mutedUntil: mutedUntil === 0 ? 0 : dateOf(clock, mutedUntil),
    ends: ends.map((at) => dateOf(clock, at)),
  };
}

/** @param isNewBoot whether the host was booted since: what ran then says nothing of what runs now */
export function recordOf(facts: GuestFacts, clock: Clock, isNewBoot: boolean): GuestRecord {
  const { uuid, name, hasDaemon, boot, mutedUntil, ends } = facts;
  const { state, reason, run } = isNewBoot ? { state: "unknown", reason: "unknown", run: undefined } : facts;
  return {
    ...newRecord({ uuid, name, state: state as Guest["state"], reason, run }, clock.now()),
    ...{ hasDaemon, boot },
    mutedUntil: mutedUntil === 0 ? 0 : timeOf(clock, mutedUntil),
    ends: ends.map((at) => timeOf(clock, at)),
  };
}
