/**
 * The events that we hear: their ids at registration, their numbers on the wire and what they carry, as words.
 * Interface: https://libvirt.org/html/libvirt-libvirt-domain.html#virDomainEventID
 */
import { type Packet, Program } from "./packet.ts";
import { type Domain, domain } from "./procedures.ts";
import {
  type Codec,
  decode,
  hyper,
  int,
  optional,
  type Struct,
  string,
  struct,
  uint,
  type Word,
  wordFor,
  words,
} from "./xdr.ts";

type Fields = Readonly<Record<string, Codec<unknown>>>;

/** Every event starts with the number of its registration and with its domain. */
const event = <const F extends Fields>(id: number, procedure: number, fields: F) => ({
  id,
  procedure,
  layout: struct({ callback: int, domain, ...fields }) as Codec<{ callback: number; domain: Domain } & Struct<F>>,
});

export const events = {
  lifecycle: event(0, 318, {
    /** What happened; `detail`, by it, tells why. */
    event: words(
      "defined",
      "undefined",
      "started",
      "suspended",
      "resumed",
      "stopped",
      "shutdown",
      "pmsuspended",
      "crashed",
    ),
    detail: int,
  }),
  /** The guest restarted itself, or was reset: QEMU's RESET. One reset may tell it several times. */
  reboot: event(1, 319, {}),
  watchdog: event(3, 321, {
    action: words("none", "pause", "reset", "poweroff", "shutdown", "debug", "inject-nmi"),
  }),
  ioError: event(6, 324, {
    /** The image. */
    path: string,
    /** The device, such as `virtio-disk0`. */
    alias: string,
    action: words("none", "pause", "report"),
    /** `enospc`, or empty. */
    reason: string,
  }),
  /** libvirt has lost the monitor of its QEMU. */
  controlError: event(7, 325, {}),
  deviceRemoved: event(15, 333, { alias: string }),
  deviceRemovalFailed: event(22, 367, { alias: string }),
  agent: event(18, 348, {
    state: words("none", "connected", "disconnected"),
    reason: words("unknown", "domain-started", "channel"),
  }),
  metadata: event(23, 379, {
    kind: words("description", "title", "element"),
    /** The namespace of an `element`. */
    uri: optional(string),
  }),
  memoryFailure: event(25, 423, {
    recipient: words("hypervisor", "guest"),
    action: words("ignore", "inject", "fatal", "reset"),
    /** 1 action required, 2 while another was handled. */
    flags: uint,
  }),
};

/** An event of QEMU's monitor as it is; libvirt gives no promise for them. Needs a connection that may write. */
const monitor = struct({
  callback: int,
  domain,
  /** `WATCHDOG`, `STOP`... */
  name: string,
  /** QEMU's clock. */
  seconds: hyper,
  micros: uint,
  /** JSON. */
  details: optional(string),
});

/** What `detail` of a lifecycle event means. */
const DETAILS = {
  defined: ["added", "updated", "renamed", "from-snapshot"],
  undefined: ["removed", "renamed"],
  started: ["booted", "migrated", "restored", "from-snapshot", "wakeup"],
  suspended: [
    "paused",
    "migrated",
    "ioerror",
    "watchdog",
    "restored",
    "from-snapshot",
    "api-error",
    "postcopy",
    "postcopy-failed",
  ],
  resumed: ["unpaused", "migrated", "from-snapshot", "postcopy", "postcopy-failed"],
  stopped: ["shutdown", "destroyed", "crashed", "migrated", "saved", "failed", "from-snapshot"],
  shutdown: ["finished", "guest", "host"],
  pmsuspended: ["memory", "disk"],
  crashed: ["panicked", "crashloaded"],
} as const;

type Known = keyof typeof DETAILS;
type Detail = Word<(typeof DETAILS)[Known]>;

export type EventName = keyof typeof events;

type Told<T> = T extends Codec<infer V> ? Omit<V, "callback"> : never;

/** An event told by its `type`. */
export type LibvirtEvent =
  | ({ readonly type: "lifecycle"; readonly detail: Detail } & Omit<Told<typeof events.lifecycle.layout>, "detail">)
  | { [K in Exclude<EventName, "lifecycle">]: { readonly type: K } & Told<(typeof events)[K]["layout"]> }[Exclude<
      EventName,
      "lifecycle"
    >]
  | ({ readonly type: "monitor" } & Told<typeof monitor>);

/** QEMU_PROC_DOMAIN_MONITOR_EVENT */
const MONITOR_EVENT = 6;

const byProcedure = new Map<number, [EventName, Codec<Record<string, unknown>>]>(
  Object.entries(events).map(([type, { procedure, layout }]) => [
    procedure,
    [type as EventName, layout as unknown as Codec<Record<string, unknown>>],
  ]),
);

/**
 * The event in a packet of the type `message`; undefined where it is none that we know.
 * @throws XdrError
 */
export function decodeEvent({ program, procedure, payload }: Packet): LibvirtEvent | undefined {
  if (program === Program.qemu && procedure === MONITOR_EVENT) {
    const { callback: _, ...told } = decode(monitor, payload);
    return { type: "monitor", ...told };
  }
  if (program !== Program.remote) return undefined;
  const [type, layout] = byProcedure.get(procedure) ?? [];
  if (type === undefined || layout === undefined) return undefined;
  const { callback: _, ...told } = decode(layout, payload);
  if (type !== "lifecycle") return { type, ...told } as LibvirtEvent;
  return { type, ...told, detail: detailOf(told.event as string, told.detail as number) } as LibvirtEvent;
}

function detailOf(event: string, detail: number): Detail {
  return wordFor(event in DETAILS ? DETAILS[event as Known] : [], detail) as Detail;
}
