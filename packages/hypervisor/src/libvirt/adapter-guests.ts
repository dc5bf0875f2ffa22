/** A domain of libvirt's as a guest, and back. */
import type { Guest, GuestId, GuestState } from "../hypervisor.ts";
import type { GuestState as DomainInState } from "./domains.ts";
import type { Domain } from "./procedures.ts";

/** What libvirt's states are to us; `blocked` is a Xen guest that waits for I/O. */
const STATES: Readonly<Record<string, GuestState | undefined>> = {
  running: "running",
  blocked: "running",
  paused: "paused",
  shutdown: "shutdown",
  shutoff: "shutoff",
  crashed: "crashed",
  pmsuspended: "pmsuspended",
};

export function guestId({ uuid, name, id }: Domain): GuestId {
  return { uuid, name, run: id < 0 ? undefined : `${id}` };
}

export function guestOf({ domain, state, reason }: DomainInState): Guest {
  const known = STATES[state] ?? "unknown";
  // An event that a guest is off may still carry the number that it had.
  const id = known === "shutoff" ? { ...guestId(domain), run: undefined } : guestId(domain);
  return { ...id, state: known, reason: reason.startsWith("unknown") ? "unknown" : reason };
}

export function domainOf({ uuid, name, run }: GuestId): Domain {
  return { uuid, name, id: run === undefined ? -1 : Number(run) };
}
