/** What the API is answered, out of the daemon's parts. */
import type { ApiHost } from "./api/server.ts";
import type { Clock } from "./daemon/clock.ts";
import { type DaemonState, isUnprotected, reportView } from "./daemon/views.ts";
import type { Witness } from "./daemon/witness.ts";
import type { EvidenceStore } from "./evidence/evidence-store.ts";
import { exportDirectory } from "./evidence/export.ts";
import type { Journal } from "./journal/journal.ts";
import { corruptJournals } from "./journal/open-journal.ts";
import type { Metrics } from "./metrics.ts";

/** Incidents that one report counts at most. */
const REPORT_INCIDENTS = 100_000;

interface AnswerParts {
  readonly version: string;
  readonly host: string;
  /** The state directory. */
  readonly state: string;
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
  const daemon = (): DaemonState => ({
    isConnected: witness.isConnected,
    journalTrouble: witness.journalTrouble ?? null,
    corruptJournals: corruptJournals(parts.state),
  });
  return {
    status() {
      const guests = witness.guests();
      return {
        ...daemon(),
        version,
        host,
        hypervisor,
        readOnly,
        startedAt,
        guests: guests.length,
        running: guests.filter(({ state }) => state !== "shutoff").length,
        unprotected: guests.filter(isUnprotected).length,
        muted: guests.filter(({ mutedUntil }) => mutedUntil !== null).map(({ name }) => name),
        open: journal.openIncidents(),
      };
    },
    guests: () => witness.guests(),
    report(since) {
      const incidents = journal.incidents({ since, limit: REPORT_INCIDENTS });
      return reportView(host, since, clock.date(), incidents, witness.guests(), daemon());
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
