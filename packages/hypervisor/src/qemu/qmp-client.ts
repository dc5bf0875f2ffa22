/**
 * A client of QEMU's monitor: commands with deadlines, and events.
 * Protocol: https://www.qemu.org/docs/master/interop/qmp-spec.html
 */
import type { Duplex } from "node:stream";
import { LineSplitter } from "@bernard/protocol";
import { QmpClosedError, QmpCommandError, QmpDeadlineError } from "./errors.ts";

/**
 * Longest line taken from QEMU, in bytes. Its longest regular reply, to query-qmp-schema, is about 0.2 MB; replies that
 * carry text (human-monitor-command) grow with what they tell. What is longer is dropped, and its command meets its deadline.
 */
const MAX_REPLY_BYTES = 8 * 1024 * 1024;

/** Milliseconds a command may take where its caller says nothing else. */
const DEADLINE_MS = 10_000;

/** How long something may take. */
export interface Limit {
  /** Milliseconds from now; none where only the signal limits it. */
  readonly deadlineMs?: number;
  /** Gives it up; it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface QmpEvent {
  /** `WATCHDOG`, `RESET`, `STOP`, `SHUTDOWN`... */
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  /**
   * When it reached us, in milliseconds of the host's monotonic clock (`performance.now()`). QEMU holds back a second
   * WATCHDOG within 1 s of the first, so a RESET can come before its WATCHDOG.
   */
  readonly atMs: number;
}

interface Waiter {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

export class QmpClient {
  readonly #stream: Duplex;
  readonly #splitter = new LineSplitter(MAX_REPLY_BYTES);
  readonly #waiters = new Map<number, Waiter & { readonly command: string }>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  readonly #closeListeners = new Set<(error: QmpClosedError) => void>();
  #greeted: (() => void) | undefined;
  #closed: QmpClosedError | undefined;
  #lastId = 0;
  #garbled = 0;

  private constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on("data", (chunk: Buffer) => this.#receive(chunk));
    stream.on("error", (error) => this.#end(error));
    stream.on("end", () => this.#end());
    stream.on("close", () => this.#end());
  }

  /**
   * Greets the monitor at the other end of `stream` and leaves its negotiation mode.
   * @throws QmpDeadlineError, QmpClosedError, and the signal's reason
   */
  static async connect(stream: Duplex, limit: Limit = { deadlineMs: DEADLINE_MS }): Promise<QmpClient> {
    const client = new QmpClient(stream);
    try {
      const greeting = new Promise<void>((resolve) => {
        client.#greeted = resolve;
      });
      await client.#within("greeting", limit, greeting);
      await client.execute("qmp_capabilities", {}, limit);
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** Lines from QEMU that were dropped: no JSON, of no known kind, or too long. */
  get dropped(): number {
    return this.#garbled + this.#splitter.overlong;
  }

  /**
   * Runs one command and resolves to what it returns. A reply that comes after the deadline is ignored: the command may
   * have had its effect.
   * @throws QmpCommandError, QmpDeadlineError, QmpClosedError, and the signal's reason
   */
  async execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    limit: Limit = { deadlineMs: DEADLINE_MS },
  ): Promise<unknown> {
    if (this.#closed !== undefined) throw this.#closed;
    limit.signal?.throwIfAborted();
    const id = ++this.#lastId;
    const reply = new Promise<unknown>((resolve, reject) => this.#waiters.set(id, { command, resolve, reject }));
    this.#stream.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    try {
      return await this.#within(`reply to ${command}`, limit, reply);
    } finally {
      this.#waiters.delete(id);
    }
  }

  /** Calls `listener` at each event from now on; the returned function ends that. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The next event of that name, of those that `where` accepts.
   * @throws QmpDeadlineError, QmpClosedError, and the signal's reason
   */
  async waitFor(
    name: string,
    { where, ...limit }: Limit & { where?: (event: QmpEvent) => boolean },
  ): Promise<QmpEvent> {
    let stop = () => {};
    const seen = new Promise<QmpEvent>((resolve) => {
      stop = this.onEvent((event) => {
        if (event.name === name && (where === undefined || where(event))) resolve(event);
      });
    });
    try {
      return await this.#within(`event ${name}`, limit, seen);
    } finally {
      stop();
    }
  }

  /** Calls `listener` once when the connection has ended, after its last event; at once where it has. */
  onClose(listener: (error: QmpClosedError) => void): void {
    if (this.#closed === undefined) this.#closeListeners.add(listener);
    else listener(this.#closed);
  }

  /** Hangs up; what is pending is rejected. The guest goes on. */
  close(): void {
    this.#end();
    this.#stream.destroy();
  }

  /** `work`, unless its limit or the end of the connection comes first. */
  async #within<T>(awaited: string, { deadlineMs, signal }: Limit, work: Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw this.#closed;
    signal?.throwIfAborted();
    const spoiled = Promise.withResolvers<never>();
    const onAbort = () => spoiled.reject(signal?.reason);
    const onLate = (ms: number) => spoiled.reject(new QmpDeadlineError(awaited, ms));
    const timer = deadlineMs === undefined ? undefined : setTimeout(onLate, deadlineMs, deadlineMs);
    this.#closeListeners.add(spoiled.reject);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([work, spoiled.promise]);
    } finally {
      clearTimeout(timer);
      this.#closeListeners.delete(spoiled.reject);
      signal?.removeEventListener("abort", onAbort);
    }
  }

  #end(cause?: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = new QmpClosedError(cause);
    for (const reject of this.#closeListeners) reject(this.#closed);
  }

  #receive(chunk: Uint8Array): void {
    for (const line of this.#splitter.push(chunk)) {
      const message = parseObject(line);
      if (message === undefined || !this.#dispatch(message)) this.#garbled++;
    }
  }

  /** Whether the message was of a known kind. */
  #dispatch(message: Record<string, unknown>): boolean {
    if ("QMP" in message) {
      this.#greeted?.();
      return true;
    }
    if (typeof message.event === "string") {
      const data = isObject(message.data) ? message.data : {};
      const event: QmpEvent = { name: message.event, data, atMs: performance.now() };
      for (const listener of this.#listeners) listener(event);
      return true;
    }
    if (typeof message.id !== "number" || "return" in message === "error" in message) return false;
    const waiter = this.#waiters.get(message.id); // none: its deadline has passed
    if ("return" in message) {
      waiter?.resolve(message.return);
      return true;
    }
    if (!isRefusal(message.error)) return false;
    waiter?.reject(new QmpCommandError(waiter.command, message.error.class, message.error.desc));
    return true;
  }
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** `{"class": "GenericError", "desc": "Device 'disk9' not found"}` */
function isRefusal(value: unknown): value is { readonly class: string; readonly desc: string } {
  return isObject(value) && typeof value.class === "string" && typeof value.desc === "string";
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
