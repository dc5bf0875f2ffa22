/** An alert as every receiver gets it. */
import { printable } from "@bernard/protocol";
import type { SignName } from "../engine/incident.ts";
import type { KeptIncident, QueuedAlert } from "../journal/journal.ts";

export interface Alert {
  /** The same at every try: a receiver may tell by it that it has this one already. */
  readonly id: string;
  readonly host: string;
  readonly incident: number;
  /** UUID; null: the host itself. */
  readonly guest: string | null;
  /** Printable, as is `text`: what a guest has said is escaped. */
  readonly name: string;
  readonly sign: SignName;
  /** ISO 8601 */
  readonly at: string;
  readonly text: string;
}

export function alertOf(queued: QueuedAlert, incident: KeptIncident, host: string): Alert {
  const sign = incident.signs.find((each) => each.sign === queued.sign);
  const name = printable(incident.name);
  return {
    id: `${host}/${incident.id}/${queued.sign}`,
    host,
    incident: incident.id,
    guest: incident.uuid ?? null,
    name,
    sign: queued.sign,
    at: new Date(sign?.at ?? incident.openedAt).toISOString(),
    text: `${name}: ${printable(sign?.detail ?? queued.sign)}`,
  };
}
