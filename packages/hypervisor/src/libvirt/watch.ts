/**
 * Watches every guest of a hypervisor, for as long as it takes: when the connection is lost it is made anew, the events are
 * registered again, and what happened meanwhile is found by comparing states.
 */

import { type DomainState, stateAfter } from "./domain-state.ts";
import { domains, type GuestState } from "./domains.ts";
import { isRefusal } from "./errors.ts";
import { type EventName, events, type LibvirtEvent } from "./events.ts";
import { type Domain, procedures } from "./procedures.ts";
import type { RpcConnection } from "./rpc-connection.ts";
import type { CallOptions } from "./time-limit.ts";

/** Milliseconds before the first try to connect again, and between two tries at most; each wait is twice the one before. */
const RETRY_MS = 100;
const RETRY_MAX_MS = 10_000;

export type WatchMessage =
  | LibvirtEvent
  /** Every event from now on is heard. `guests` are all there are; at a later connection `missed` tells what changed. */
  | {
      readonly type: "connected";
      readonly guests: readonly GuestState[];
      /** Events that this libvirt is too old for. */
      readonly unsupported: readonly (EventName | "monitor")[];
    }
  /** Nothing is heard for now; the next try is in `retryMs` milliseconds. */
  | { readonly type: "disconnected"; readonly error: Error; readonly retryMs: number }
  /**
   * A guest changed while nothing was heard; without `before` it is new, without `after` gone. Some changes are told by an
   * event too, none is lost, but a guest that was reset and runs again looks as before.
   */
  | { readonly type: "missed"; readonly before: GuestState | undefined; readonly after: GuestState | undefined };

export interface WatchOptions {
  /** Tells QEMU's own events too (`monitor`); needs a connection that may write. */
  readonly monitor?: boolean;
}

export class Watch {
  readonly #open: (options: CallOptions) => Promise<RpcConnection>;
  readonly #listener: (message: WatchMessage) => void;
  readonly #options: WatchOptions;
  readonly #closing = new AbortController();
  readonly #guests = new Map<string, GuestState>();
  #connection: RpcConnection | undefined;
  #retryMs = RETRY_MS;
  #retry: NodeJS.Timeout | undefined;

  private constructor(
    open: (options: CallOptions) => Promise<RpcConnection>,
    listener: (message: WatchMessage) => void,
    options: WatchOptions,
  ) {
    this.#open = open;
    this.#listener = listener;
    this.#options = options;
  }

  /**
   * Resolves once every event is heard and the first `connected` told.
   * @throws as `openConnection` does; later failures are told, and tried again
   */
  static async start(
    open: (options: CallOptions) => Promise<RpcConnection>,
    listener: (message: WatchMessage) => void,
    options: WatchOptions = {},
  ): Promise<Watch> {
    const watch = new Watch(open, listener, options);
    await watch.#connect(true);
    return watch;
  }

  /** Hears nothing any more. */
  close(): void {
    this.#closing.abort();
    clearTimeout(this.#retry);
    this.#connection?.close();
  }

  async #connect(first: boolean): Promise<void> {
    const connection = await this.#open({ signal: this.#closing.signal });
    // What comes before the states are known is told after them, in its order.
    let held: LibvirtEvent[] | undefined = [];
    connection.onEvent((event) => {
      if (held === undefined) this.#tell(event);
      else held.push(event);
    });
    try {
      const unsupported = await this.#register(connection);
      const guests = await domains(connectionCaller(connection));
      this.#closing.signal.throwIfAborted();
      if (!first) this.#compare(guests);
      this.#adopt(guests);
      this.#listener({ type: "connected", guests, unsupported });
      for (const event of held) this.#tell(event);
      held = undefined;
    } catch (error) {
      connection.close();
      throw error;
    }
    this.#connection = connection;
    this.#retryMs = RETRY_MS;
    connection.onClose((error) => this.#lost(error));
  }

  /** The events that this libvirt does not know. */
  async #register(connection: RpcConnection): Promise<(EventName | "monitor")[]> {
    const unsupported: (EventName | "monitor")[] = [];
    for (const [name, { id }] of Object.entries(events)) {
      const asked = { event: id, domain: undefined };
      const procedure = procedures.connectDomainEventCallbackRegisterAny;
      await connection.call(`the event ${name}`, procedure, asked).catch((error: unknown) => {
        if (!isUnsupported(error)) throw error;
        unsupported.push(name as EventName);
      });
    }
    if (this.#options.monitor === true) {
      const asked = { domain: undefined, event: undefined, flags: 0 };
      const procedure = procedures.qemuConnectDomainMonitorEventRegister;
      await connection.call("QEMU's events", procedure, asked).catch((error: unknown) => {
        if (!isUnsupported(error)) throw error;
        unsupported.push("monitor");
      });
    }
    return unsupported;
  }

  #lost(error: Error): void {
    if (this.#closing.signal.aborted) return;
    const retryMs = this.#retryMs;
    this.#retryMs = Math.min(2 * retryMs, RETRY_MAX_MS);
    this.#listener({ type: "disconnected", error, retryMs });
    this.#retry = setTimeout(() => {
      this.#connect(false).catch((again: unknown) =>
        this.#lost(again instanceof Error ? again : new Error(`${again}`)),
      );
    }, retryMs);
  }

  #tell(event: LibvirtEvent): void {
    if (event.type === "lifecycle") this.#follow(event.domain, event.event, stateAfter(event.event, event.detail));
    this.#listener(event);
  }

  #follow(domain: Domain, event: string, state: DomainState | undefined): void {
    const known = this.#guests.get(domain.uuid);
    if (event === "undefined" && (known === undefined || known.state === "shutoff")) this.#guests.delete(domain.uuid);
    else if (state !== undefined) this.#guests.set(domain.uuid, { domain, ...state });
    else if (known === undefined) this.#guests.set(domain.uuid, { domain, state: "shutoff", reason: "unknown" });
  }

  #compare(guests: readonly GuestState[]): void {
    const gone = new Map(this.#guests);
    for (const after of guests) {
      const before = gone.get(after.domain.uuid);
      gone.delete(after.domain.uuid);
      if (before === undefined || !isSame(before, after)) this.#listener({ type: "missed", before, after });
    }
    for (const before of gone.values()) this.#listener({ type: "missed", before, after: undefined });
  }

  #adopt(guests: readonly GuestState[]): void {
    this.#guests.clear();
    for (const guest of guests) this.#guests.set(guest.domain.uuid, guest);
  }
}

/** The same process in the same state; why it is paused counts, why it runs or is off does not. */
function isSame(one: GuestState, other: GuestState): boolean {
  if (one.state !== other.state || one.domain.name !== other.domain.name) return false;
  if (one.state === "shutoff") return true;
  return one.domain.id === other.domain.id && (one.state !== "paused" || one.reason === other.reason);
}

/** An older libvirt says "internal error: unsupported event ID". */
const isUnsupported = (error: unknown): boolean =>
  isRefusal(error, "noSupport") ||
  isRefusal(error, "rpc") ||
  (isRefusal(error, "internalError") && error.description.includes("unsupported event"));

const connectionCaller =
  (connection: RpcConnection): Parameters<typeof domains>[0] =>
  (name, args) =>
    connection.call(name, procedures[name] as never, args as never);
