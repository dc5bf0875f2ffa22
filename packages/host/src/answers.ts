/** What the API is answered, out of the daemon's parts. */
import type { ApiHost } from "./api/server.ts";
import type { Clock } from "./daemon/clock.ts";
import { isUnprotected, reportView } from "./daemon/views.ts";
import type { Witness } from "./daemon/witness.ts";
import type { EvidenceStore } from "./evidence/evidence-store.ts";
import { exportDirectory } from "./evidence/export.ts";
import type { Journal } from "./journal/journal.ts";
import type { Metrics } from "./metrics.ts";

/** Incidents that one report counts at most. */
const REPORT_INCIDENTS = 100_000;

interface AnswerParts {
  readonly version: string;
  readonly host: string;
  readonly startedAt: number;
  /** The hypervisor's title. */
  readonly hypervisor: string;
  readonly readOnly: boolean;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly evidence: EvidenceStore;
  readonly metrics: Metrics;
  readonly witness: Witness;
}

export function answers(parts: AnswerParts): ApiHost {
  const { version, host, startedAt, hypervisor, readOnly, clock, journal, evidence, metrics, witness } = parts;
  return {
    status() {
      const guests = witness.guests();
      return {
        version,
        host,
        hypervisor,
        isConnected: witness.isConnected,
        readOnly,
        startedAt,
        guests: guests.length,
        running: guests.filter(({ state }) => state !== "shutoff").length,
        unprotected: guests.filter(isUnprotected).length,
        muted: guests.filter(({ mutedUntil }) => mutedUntil !== null).map(({ name }) => name),
        open: journal.openIncidents(),
        journalTrouble: witness.journalTrouble ?? null,
      };
    },
    guests: () => witness.guests(),
    report(since) {
      const incidents = journal.incidents({ since, limit: REPORT_INCIDENTS });
      return reportView(host, since, clock.date(), incidents, witness.guests());
    },
    incidents: (filter) => journal.incidents(filter),
    async incident(id) {
      const incident = journal.incident(id);
      if (incident === undefined) return undefined;
      const files = incident.uuid === undefined ? [] : await evidence.files(incident.uuid, id);
      return { ...incident, evidence: files };
    },
    async exportDirectory(id) {
      const incident = journal.incident(id);
      if (incident === undefined) return undefined;
      return exportDirectory(host, incident, incident.uuid && evidence.directory(incident.uuid, id));
    },
    mute: (nameOrUuid, until) => witness.mute(nameOrUuid, until),
    metrics: async () => ({ text: await metrics.text(), contentType: metrics.contentType }),
  };
}
