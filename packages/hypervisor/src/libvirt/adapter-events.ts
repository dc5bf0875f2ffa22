/** What the client's watch tells, in the words of every adapter. */
import { AGENT_CHANNEL } from "../agent-channel.ts";
import type { HypervisorEvent } from "../hypervisor.ts";
import { guestId, guestOf } from "./adapter-guests.ts";
import type { EventName } from "./events.ts";
import { KnownGuests } from "./known-guests.ts";
import type { WatchMessage } from "./watch.ts";

const TYPES = {
  lifecycle: "lifecycle",
  reboot: "reset",
  watchdog: "fire",
  ioError: "storage-error",
  controlError: "monitor-lost",
  deviceRemoved: "device-removed",
  deviceRemovalFailed: "device-removal-failed",
  agent: "channel",
  metadata: "metadata",
  memoryFailure: "memory-failure",
  monitor: undefined,
} as const satisfies Readonly<Record<EventName | "monitor", HypervisorEvent["type"] | undefined>>;

export class EventTranslator {
  readonly #guests = new KnownGuests();

  /** Undefined for what says nothing to us. */
  translate(message: WatchMessage): HypervisorEvent | undefined {
    switch (message.type) {
      case "connected": {
        this.#guests.adopt(message.guests);
        const deafTo = message.unsupported.map((name) => TYPES[name]).filter((type) => type !== undefined);
        return { type: "connected", guests: message.guests.map(guestOf), deafTo };
      }
      case "disconnected":
        return message;
      case "missed":
        return {
          type: "missed",
          before: message.before && guestOf(message.before),
          after: message.after && guestOf(message.after),
        };
      case "lifecycle": {
        const guest = guestOf(this.#guests.follow(message));
        return { type: "lifecycle", guest, change: message.event, detail: message.detail };
      }
      case "monitor":
        return undefined;
      default:
        return { guest: guestId(message.domain), ...ofGuest(message) };
    }
  }
}

type OfGuest = Exclude<WatchMessage, { type: "connected" | "disconnected" | "missed" | "lifecycle" | "monitor" }>;
type WithoutGuest<E> = E extends { readonly guest: unknown } ? Omit<E, "guest"> : never;

function ofGuest(event: OfGuest): WithoutGuest<Exclude<HypervisorEvent, { type: "lifecycle" }>> {
  switch (event.type) {
    case "reboot":
    case "controlError":
      return { type: TYPES[event.type] };
    case "watchdog":
      return { type: TYPES.watchdog, action: known(event.action) };
    case "ioError":
      return {
        type: TYPES.ioError,
        image: event.path || undefined,
        device: event.alias || undefined,
        action: known(event.action),
        reason: event.reason,
      };
    case "agent": // libvirt tells of no other channel
      return { type: TYPES.agent, name: AGENT_CHANNEL, open: event.state === "connected" };
    case "memoryFailure":
      return { type: TYPES.memoryFailure, recipient: event.recipient, action: event.action };
    case "deviceRemoved":
    case "deviceRemovalFailed":
      return { type: TYPES[event.type], device: event.alias };
    case "metadata":
      return { type: TYPES.metadata, uri: event.uri };
  }
}

/** A word of a newer libvirt's (`unknown-7`) is one that we do not know. */
const known = <W extends string>(word: W): Exclude<W, `unknown-${number}`> | "unknown" =>
  word.startsWith("unknown-") ? "unknown" : (word as Exclude<W, `unknown-${number}`>);
