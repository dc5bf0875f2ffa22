/**
 * The states of a domain and their reasons, as words.
 * Interface: https://libvirt.org/html/libvirt-libvirt-domain.html#virDomainState
 */
import { type Word, wordFor } from "./xdr.ts";

const STATES = ["nostate", "running", "blocked", "paused", "shutdown", "shutoff", "crashed", "pmsuspended"] as const;

const REASONS = {
  nostate: ["unknown"],
  running: [
    "unknown",
    "booted",
    "migrated",
    "restored",
    "from-snapshot",
    "unpaused",
    "migration-canceled",
    "save-canceled",
    "wakeup",
    "crashed",
    "postcopy",
    "postcopy-failed",
  ],
  blocked: ["unknown"],
  paused: [
    "unknown",
    "user",
    "migration",
    "save",
    "dump",
    "ioerror",
    "watchdog",
    "from-snapshot",
    "shutting-down",
    "snapshot",
    "crashed",
    "starting-up",
    "postcopy",
    "postcopy-failed",
    "api-error",
  ],
  shutdown: ["unknown", "user"],
  shutoff: ["unknown", "shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from-snapshot", "daemon"],
  crashed: ["unknown", "panicked"],
  pmsuspended: ["unknown"],
} as const;

type Known = keyof typeof REASONS;

export interface DomainState {
  readonly state: Word<typeof STATES>;
  readonly reason: Word<(typeof REASONS)[Known]>;
}

/** @param state, reason virDomainState and the enumeration of reasons that belongs to it */
export function domainState(state: number, reason: number): DomainState {
  const word = wordFor(STATES, state);
  return {
    state: word,
    reason: wordFor(word in REASONS ? REASONS[word as Known] : [], reason) as DomainState["reason"],
  };
}

/** What a lifecycle event tells of the state; undefined where it tells nothing. */
export function stateAfter(event: string, detail: string): DomainState | undefined {
  const state = STATE_AFTER[event];
  if (state === undefined) return undefined;
  const word = REASON_AFTER[event]?.[detail] ?? detail;
  const known: readonly string[] = REASONS[state];
  return { state, reason: known.includes(word) ? (word as DomainState["reason"]) : "unknown" };
}

const STATE_AFTER: Readonly<Record<string, Known | undefined>> = {
  started: "running",
  resumed: "running",
  suspended: "paused",
  shutdown: "shutdown",
  stopped: "shutoff",
  pmsuspended: "pmsuspended",
  crashed: "crashed",
};

/** Where an event's detail and the state's reason are two words for one thing. */
const REASON_AFTER: Readonly<Record<string, Readonly<Record<string, string>> | undefined>> = {
  suspended: { paused: "user", migrated: "migration" },
};
