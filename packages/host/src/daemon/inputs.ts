/** What a hypervisor tells, as the engine's inputs: one guest each. */
import type { HypervisorEvent } from "@bernard/hypervisor";
import type { GuestInput } from "../engine/input.ts";

type Told = GuestInput & { readonly uuid: string };

/** @param known every guest that the engine has, asked for at `connected` alone: those that are not among its guests are gone */
export function inputsOf(event: HypervisorEvent, known: () => readonly string[]): Told[] {
  switch (event.type) {
    case "connected": {
      const there = new Set(event.guests.map(({ uuid }) => uuid));
      const gone = known().filter((uuid) => !there.has(uuid));
      return [
        ...event.guests.map((guest): Told => ({ type: "seen", guest, uuid: guest.uuid })),
        ...gone.map((uuid): Told => ({ type: "gone", uuid, isDeleted: false })),
      ];
    }
    case "missed":
      // The guests of the `connected` that follows are the same, and say it.
      return [];
    case "lifecycle":
      // A guest that gets another name is undefined and defined.
      if (event.change === "undefined" && event.detail === "renamed") return [];
      return event.change === "undefined" && event.guest.state === "shutoff"
        ? [{ type: "gone", uuid: event.guest.uuid, isDeleted: true }]
        : [{ ...event, uuid: event.guest.uuid }];
    case "fire":
    case "reset":
    case "storage-error":
    case "monitor-lost":
    case "channel":
    case "memory-failure":
      return [{ ...event, uuid: event.guest.uuid }];
    default:
      return [];
  }
}
