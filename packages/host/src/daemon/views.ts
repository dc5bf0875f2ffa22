/** What the daemon shows of itself: to `bernard status` and `report`, to its HTTP API, to metrics. */
import type { Hardware } from "@bernard/hypervisor";
import type { GuestRecord } from "../engine/guest-record.ts";
import type { SignName } from "../engine/incident.ts";
import type { KeptIncident } from "../journal/journal.ts";

/** One guest now. Times in milliseconds since 1970. */
export interface GuestView {
  readonly uuid: string;
  readonly name: string;
  readonly state: string;
  readonly reason: string;
  /** Its watchdog devices' models; null: not known yet. */
  readonly watchdogs: readonly string[] | null;
  /** What happens at a fire. */
  readonly action: string | null;
  /** Seconds since its daemon was heard; null: it is not, or nothing is to be expected. */
  readonly quietS: number | null;
  readonly mutedUntil: number | null;
  /** The open incident's number. */
  readonly incident: number | null;
}

/** What keeps the daemon from seeing or keeping all. */
export interface DaemonState {
  /** Whether the hypervisor is heard. */
  readonly isConnected: boolean;
  /** Why the journal is not written; null: it is. */
  readonly journalTrouble: string | null;
  /** Journals that were kept aside, until somebody takes them away. */
  readonly corruptJournals: readonly string[];
}

export interface StatusView extends DaemonState {
  readonly version: string;
  readonly host: string;
  /** What it watches: `libvirt at qemu:///system`. */
  readonly hypervisor: string;
  /** Whether it only looks: then no guest's own words, no screen. */
  readonly readOnly: boolean;
  readonly startedAt: number;
  readonly guests: number;
  readonly running: number;
  /** Running guests that no watchdog device guards. */
  readonly unprotected: number;
  readonly muted: readonly string[];
  readonly open: readonly KeptIncident[];
}

/** The page of each morning. Guests by name, the ones with most to tell first. */
export interface ReportView extends DaemonState {
  readonly host: string;
  readonly since: number;
  readonly until: number;
  readonly fired: readonly Counted[];
  readonly announced: readonly Counted[];
  readonly hung: readonly Counted[];
  readonly looping: readonly Counted[];
  readonly paused: readonly string[];
  readonly crashed: readonly Counted[];
  readonly unprotected: readonly string[];
  readonly ofHost: readonly KeptIncident[];
}

interface Counted {
  readonly name: string;
  readonly times: number;
  /** The last one's number. */
  readonly incident: number;
}

export function guestView(
  record: GuestRecord,
  hardware: Hardware | undefined,
  now: number,
  date: (at: number) => number,
): GuestView {
  const { guest, quietSince, mutedUntil, incident } = record;
  return {
    uuid: guest.uuid,
    name: guest.name,
    state: guest.state,
    reason: guest.reason,
    watchdogs: hardware?.watchdogs.map(({ model }) => model) ?? null,
    action: record.action ?? null,
    quietS: quietSince === undefined ? null : Math.round((now - quietSince) / 1000),
    mutedUntil: mutedUntil > now ? date(mutedUntil) : null,
    incident: incident?.id ?? null,
  };
}

/** Of each kind of sign, which incidents the report counts under it. */
const PARTS: Readonly<Record<"fired" | "announced" | "hung" | "looping" | "crashed", readonly SignName[]>> = {
  fired: ["fire"],
  announced: ["last-words"],
  hung: ["silence", "hung-boot", "emulator-stuck", "panic"],
  looping: ["reset-loop"],
  crashed: ["emulator-crash"],
};

export function reportView(
  host: string,
  since: number,
  until: number,
  incidents: readonly KeptIncident[],
  guests: readonly GuestView[],
  daemon: DaemonState,
): ReportView {
  const counted = (part: keyof typeof PARTS): Counted[] => {
    const found = new Map<string, Counted>();
    for (const { id, uuid, name, signs } of incidents) {
      if (uuid === undefined || !signs.some(({ sign }) => PARTS[part].includes(sign))) continue;
      const before = found.get(uuid);
      found.set(uuid, { name, times: (before?.times ?? 0) + 1, incident: Math.max(id, before?.incident ?? 0) });
    }
    return [...found.values()].toSorted((a, b) => b.times - a.times || a.name.localeCompare(b.name));
  };
  const names = (which: (guest: GuestView) => boolean) =>
    guests
      .filter(which)
      .map(({ name }) => name)
      .toSorted();
  return {
    ...daemon,
    host,
    since,
    until,
    fired: counted("fired"),
    announced: counted("announced"),
    hung: counted("hung"),
    looping: counted("looping"),
    crashed: counted("crashed"),
    paused: names(({ state, reason }) => state === "paused" && (reason === "watchdog" || reason === "ioerror")),
    unprotected: names(isUnprotected),
    ofHost: incidents.filter(({ uuid }) => uuid === undefined),
  };
}

export const isUnprotected = ({ state, watchdogs }: GuestView): boolean =>
  state !== "shutoff" && watchdogs !== null && watchdogs.length === 0;
