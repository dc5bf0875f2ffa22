/**
 * QEMU's run states in libvirt's words.
 * Reference: https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html#qapidoc-RunState
 */
import type { Guest, GuestState } from "../hypervisor.ts";

export interface StateAndReason {
  readonly state: GuestState;
  readonly reason: string;
}

const paused = (reason: string): StateAndReason => ({ state: "paused", reason });

const STATES: Readonly<Record<string, StateAndReason | undefined>> = {
  running: { state: "running", reason: "unknown" },
  paused: paused("user"),
  watchdog: paused("watchdog"),
  "io-error": paused("ioerror"),
  // Before its first start, and after a reset of a guest that stands.
  prelaunch: paused("starting-up"),
  preconfig: paused("starting-up"),
  inmigrate: paused("migration"),
  postmigrate: paused("migration"),
  "finish-migrate": paused("migration"),
  colo: paused("migration"),
  "save-vm": paused("save"),
  "restore-vm": paused("save"),
  "internal-error": paused("unknown"),
  debug: paused("unknown"),
  "guest-panicked": { state: "crashed", reason: "panicked" },
  suspended: { state: "pmsuspended", reason: "unknown" },
  shutdown: { state: "shutdown", reason: "unknown" },
};

/** @param status of `query-status` */
export function stateOf(status: unknown): StateAndReason {
  return (typeof status === "string" ? STATES[status] : undefined) ?? { state: "unknown", reason: "unknown" };
}

/** Where the detail of a `suspended` event and the reason of the state are two words for one thing. */
const DETAILS: Readonly<Record<string, string | undefined>> = {
  user: "paused",
  "starting-up": "paused",
  save: "paused",
  migration: "migrated",
};

/** The detail of the event that a guest stands now, for that reason. */
export const suspendedDetail = (reason: string): string => DETAILS[reason] ?? reason;

/** The same life in the same state; why it is paused counts, why it runs or is off does not. */
export function isSame(one: Guest, other: Guest): boolean {
  if (one.uuid !== other.uuid || one.name !== other.name || one.state !== other.state) return false;
  return one.run === other.run && (one.state !== "paused" || one.reason === other.reason);
}
