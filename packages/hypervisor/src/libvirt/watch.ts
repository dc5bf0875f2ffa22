/**
 * Watches every guest of a hypervisor, for as long as it takes: when the connection is lost it is made anew, the events are
 * registered again, and what happened meanwhile is found by comparing states.
 */

import { domains, type GuestState } from "./domains.ts";
import { isRefusal } from "./errors.ts";
import { type EventName, events, type LibvirtEvent } from "./events.ts";
import { KnownGuests } from "./known-guests.ts";
import { procedures } from "./procedures.ts";
import type { RpcConnection } from "./rpc-connection.ts";
import { type CallOptions, TimeLimit } from "./time-limit.ts";

/** Milliseconds before the first try to connect again, and between two tries at most; each wait is twice the one before. */
const RETRY_MS = 100;
const RETRY_MAX_MS = 10_000;

/**
 * Milliseconds until the states are compared once more after a loss, each time, and for which events may wait for that: a libvirtd that
 * has just started shows an emulator as running that has ended, and tells nobody when it finds out.
 */
const LOOK_AGAIN_MS = [1_000, 10_000];
const LOOK_MS = 2_000;

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

/** The limit is that of the first connection. */
export interface WatchOptions extends CallOptions {
  /** Tells QEMU's own events too (`monitor`); needs a connection that may write. */
  readonly monitor?: boolean;
}

export class Watch {
  readonly #open: (options: CallOptions) => Promise<RpcConnection>;
  readonly #listener: (message: WatchMessage) => void;
  readonly #options: WatchOptions;
  readonly #closing = new AbortController();
  readonly #guests = new KnownGuests();
  #connection: RpcConnection | undefined;
  #heardBefore = false;
  #retryMs = RETRY_MS;
  #retry: NodeJS.Timeout | undefined;
  #look: NodeJS.Timeout | undefined;

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
    const limit = new TimeLimit("events", options);
    try {
      await limit.race(watch.#connect(options.deadlineMs));
      return watch;
    } catch (error) {
      watch.close();
      throw error;
    } finally {
      limit.end();
    }
  }

  /** Hears nothing any more. */
  close(): void {
    this.#closing.abort();
    clearTimeout(this.#retry);
    clearTimeout(this.#look);
    this.#connection?.close();
  }

  async #connect(deadlineMs?: number): Promise<void> {
    const within = { deadlineMs, signal: this.#closing.signal };
    const connection = await this.#open(within);
    // From here on: it may end in the very moment in which the states come.
    const ended = new Promise<Error>((resolve) => connection.onClose(resolve));
    // What comes before the states are known is told after them, in its order.
    let held: LibvirtEvent[] | undefined = [];
    connection.onEvent((event) => {
      if (held === undefined) this.#tell(event);
      else held.push(event);
    });
    const release = () => {
      for (const event of held ?? []) this.#tell(event);
      held = undefined;
    };
    const look = async () => {
      held = [];
      await this.#compare(connection, { ...within, deadlineMs: LOOK_MS }).catch(() => {}); // its loss is told, its slowness no news
      if (!this.#closing.signal.aborted) release();
    };
    try {
      const unsupported = await this.#register(connection, within);
      const guests = await this.#compare(connection, within);
      if (this.#heardBefore) this.#lookAgain(LOOK_AGAIN_MS, look);
      this.#heardBefore = true;
      this.#listener({ type: "connected", guests, unsupported });
      release();
    } catch (error) {
      connection.close();
      throw error;
    }
    this.#connection = connection;
    this.#retryMs = RETRY_MS;
    ended.then((error) => this.#lost(error));
  }

  /** All guests, after what has changed unheard was told. */
  async #compare(connection: RpcConnection, within: CallOptions): Promise<readonly GuestState[]> {
    const guests = await domains(connectionCaller(connection, within));
    this.#closing.signal.throwIfAborted();
    const changes = this.#guests.adopt(guests);
    if (this.#heardBefore) for (const change of changes) this.#listener({ type: "missed", ...change });
    return guests;
  }

  #lookAgain([first, ...rest]: readonly number[], look: () => Promise<void>): void {
    if (first === undefined) return;
    this.#look = setTimeout(() => {
      this.#lookAgain(rest, look);
      void look();
    }, first);
  }

  /** The events that this libvirt does not know. */
  async #register(connection: RpcConnection, within: CallOptions): Promise<(EventName | "monitor")[]> {
    const unsupported: (EventName | "monitor")[] = [];
    for (const [name, { id }] of Object.entries(events)) {
      const asked = { event: id, domain: undefined };
      const procedure = procedures.connectDomainEventCallbackRegisterAny;
      await connection.call(`the event ${name}`, procedure, asked, within).catch((error: unknown) => {
        if (!isUnsupported(error)) throw error;
        unsupported.push(name as EventName);
      });
    }
    if (this.#options.monitor === true) {
      const asked = { domain: undefined, event: undefined, flags: 0 };
      const procedure = procedures.qemuConnectDomainMonitorEventRegister;
      await connection.call("QEMU's events", procedure, asked, within).catch((error: unknown) => {
        if (!isUnsupported(error)) throw error;
        unsupported.push("monitor");
      });
    }
    return unsupported;
  }

  #lost(error: Error): void {
    if (this.#closing.signal.aborted) return;
    clearTimeout(this.#look);
    const retryMs = this.#retryMs;
    this.#retryMs = Math.min(2 * retryMs, RETRY_MAX_MS);
    this.#listener({ type: "disconnected", error, retryMs });
    this.#retry = setTimeout(() => {
      this.#connect().catch((again: unknown) => this.#lost(again instanceof Error ? again : new Error(`${again}`)));
    }, retryMs);
  }

  #tell(event: LibvirtEvent): void {
    if (event.type === "lifecycle") this.#guests.follow(event);
    this.#listener(event);
  }
}

/** An older libvirt says "internal error: unsupported event ID". */
const isUnsupported = (error: unknown): boolean =>
  isRefusal(error, "noSupport") ||
  isRefusal(error, "rpc") ||
  (isRefusal(error, "internalError") && error.description.includes("unsupported event"));

const connectionCaller =
  (connection: RpcConnection, within: CallOptions): Parameters<typeof domains>[0] =>
  (name, args) =>
    connection.call(name, procedures[name] as never, args as never, within);
