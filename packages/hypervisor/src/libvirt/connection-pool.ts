/**
 * Connections for calls, opened when needed. A daemon works on a few calls of one connection at a time and does not read
 * on before (max_client_requests, 5): guests that answer nothing would hold up every other. So each connection gets
 * fewer, further ones take what is left, and one on which nobody waits any more is given up.
 */
import { LibvirtClosedError } from "./errors.ts";
import type { RpcConnection } from "./rpc-connection.ts";
import { type CallOptions, TimeLimit } from "./time-limit.ts";

/** Calls at a time on one connection: one less than the daemon takes, so that it still reads our keepalive. */
const CALLS = 4;

interface Member {
  readonly ready: Promise<RpcConnection>;
  connection: RpcConnection | undefined;
  /** Calls that wait for it or for their replies. */
  calls: number;
}

export class ConnectionPool {
  readonly #open: (signal: AbortSignal) => Promise<RpcConnection>;
  readonly #connections: number;
  readonly #closing = new AbortController();
  readonly #members = new Set<Member>();
  readonly #queue: (() => void)[] = [];

  /** @param connections at a time, at most */
  constructor(open: (signal: AbortSignal) => Promise<RpcConnection>, connections: number) {
    this.#open = open;
    this.#connections = connections;
  }

  /**
   * Does `work` on a connection with room for one more call. Its limit counts from now, the wait included.
   * @throws what opening a connection throws, LibvirtDeadlineError, the signal's reason, and what `work` throws
   */
  async use<T>(
    name: string,
    options: CallOptions,
    work: (connection: RpcConnection, options: CallOptions) => Promise<T>,
  ): Promise<T> {
    const idle = this.#find();
    if (idle?.connection !== undefined) {
      // Nothing to wait for: the limit of `work` is enough.
      idle.calls++;
      return work(idle.connection, options).finally(() => this.#release(idle));
    }
    const limit = new TimeLimit(`reply to ${name}`, options);
    try {
      const member = await this.#withRoom(limit);
      try {
        const connection = await limit.race(member.ready);
        return await work(connection, { deadlineMs: options.deadlineMs, signal: limit.signal });
      } finally {
        this.#release(member);
      }
    } finally {
      limit.end();
    }
  }

  /** What has come in a rest of the connections' is read now. */
  wake(): void {
    for (const { connection } of this.#members) connection?.wake();
  }

  /** Hangs up all; what is under way is rejected. */
  close(): void {
    this.#closing.abort(new LibvirtClosedError("we hung up"));
    for (const { connection } of this.#members) connection?.close();
    for (const next of this.#queue.splice(0)) next();
  }

  /** A member with one call more than before. */
  async #withRoom(limit: TimeLimit): Promise<Member> {
    for (;;) {
      limit.signal.throwIfAborted();
      this.#closing.signal.throwIfAborted();
      const member = this.#find() ?? (this.#members.size < this.#connections ? this.#add() : undefined);
      if (member !== undefined) {
        member.calls++;
        return member;
      }
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#queue.push(resolve);
      await limit.race(promise).finally(() => {
        const place = this.#queue.indexOf(resolve);
        if (place >= 0) this.#queue.splice(place, 1);
      });
    }
  }

  #find(): Member | undefined {
    for (const member of this.#members) {
      // Calls that were given up hold their place in the daemon.
      if (Math.max(member.calls, member.connection?.underWay ?? 0) < CALLS) return member;
    }
    return undefined;
  }

  #add(): Member {
    const ready = this.#open(this.#closing.signal);
    const member: Member = { ready, connection: undefined, calls: 0 };
    this.#members.add(member);
    ready.then(
      (connection) => {
        member.connection = connection;
        connection.onClose(() => this.#remove(member));
        if (connection.closed) this.#remove(member);
        if (this.#closing.signal.aborted) connection.close();
      },
      () => this.#remove(member),
    );
    return member;
  }

  #release(member: Member): void {
    member.calls--;
    if (member.connection?.clogged) member.connection.close();
    this.#queue.shift()?.();
  }

  #remove(member: Member): void {
    this.#members.delete(member);
    this.#queue.shift()?.();
  }
}
