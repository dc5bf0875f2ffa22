/** How findings speak of guests and devices. */
import type { Guest, Hardware } from "@bernard/hypervisor";

/** What stands for the guest in a command that a person may copy: a name that needs quoting gives way to its UUID. */
export function inCommand({ name, uuid }: Guest): string {
  return /^[A-Za-z0-9_][A-Za-z0-9_.@:+-]*$/.test(name) ? name : uuid;
}

/** `i6300esb`, `i6300esb and itco`. */
export function devices({ watchdogs }: Hardware): string {
  return watchdogs.map(({ model }) => model).join(" and ");
}
