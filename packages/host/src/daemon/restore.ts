/** Gives the engine what the journal knows of guests and of incidents that were open when the last daemon ended. */
import { errorLine } from "@bernard/tools";
import type { Logger } from "pino";
import type { Engine } from "../engine/engine.ts";
import type { Effect, Incident } from "../engine/incident.ts";
import type { Journal, KeptIncident } from "../journal/journal.ts";
import { type Clock, timeOf } from "./clock.ts";
import { recordOf } from "./guest-facts.ts";

export interface RestoreParts {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  /** The host's boot id. */
  readonly hostBoot: string;
}

/**
 * @param canHear whether guests' own daemons can be listened to: who cannot does not wait for a hello
 * @returns the ends of those incidents whose guests nobody knows any more
 */
export function restore(engine: Engine, parts: RestoreParts, canHear: boolean): Effect[] {
  const { journal, clock } = parts;
  const isNewBoot = noteBoot(parts);
  const open = new Map(journal.openIncidents().map((incident) => [incident.uuid, incidentOf(incident, clock)]));
  for (const facts of journal.guests()) {
    const record = recordOf(facts, clock, isNewBoot);
    const incident = open.get(facts.uuid);
    // Until its emulator answers, it does not.
    const unansweredSince = incident?.signs.find(({ sign }) => sign === "emulator-stuck")?.at;
    engine.restore({ ...record, hasDaemon: record.hasDaemon && canHear, incident, unansweredSince });
    open.delete(facts.uuid);
  }
  const ofHost = open.get(undefined);
  if (ofHost !== undefined) engine.restoreHost(ofHost);
  open.delete(undefined);
  return [...open.values()].map(({ id }) => ({ type: "close", id, outcome: "gone", at: clock.now() }));
}

/** Whether the host was booted since. */
function noteBoot({ journal, hostBoot, log }: RestoreParts): boolean {
  try {
    return journal.hostBooted(hostBoot);
  } catch (error) {
    log.error(`the journal is not written: ${errorLine(error)}`);
    return true; // only another boot's has to be written
  }
}

function incidentOf({ id, uuid, name, signs }: KeptIncident, clock: Clock): Incident {
  const told = signs.map((sign) => ({ ...sign, at: timeOf(clock, sign.at) }));
  // What happened meanwhile nobody heard: calm begins now.
  return { id, uuid, name, signs: told, lastSignAt: clock.now() };
}
