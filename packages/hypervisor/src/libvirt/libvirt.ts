/** A client of libvirt: every call by its name, streams, all guests with their states, and a watch over them. */
import { homedir } from "node:os";
import type { Duplex } from "node:stream";
import { ConnectionPool } from "./connection-pool.ts";
import { domains, type GuestState } from "./domains.ts";
import { LibvirtClosedError, LibvirtStreamLimitError } from "./errors.ts";
import { openConnection } from "./open-connection.ts";
import {
  type Args,
  type Domain,
  type Procedure,
  type Procedures,
  procedures,
  type Result,
  type StreamProcedures,
  streamProcedures,
} from "./procedures.ts";
import type { RpcConnection } from "./rpc-connection.ts";
import { type CallOptions, TimeLimit } from "./time-limit.ts";
import { parseUri, type Target } from "./uri.ts";
import { Watch, type WatchMessage, type WatchOptions } from "./watch.ts";

export interface LibvirtOptions {
  /** Asks for no more than to look: the daemon refuses the rest, and its socket for readers is open to more users. */
  readonly readOnly?: boolean;
}

/** Connections for calls, and those that streams share, at most. */
const CALL_CONNECTIONS = 8;
const STREAM_CONNECTIONS = 2;

/**
 * Milliseconds between two reads of what streams share. A thousand guests that say a line every 10 s wake us 100 times a second
 * otherwise, for one line each: three times the processor time.
 */
const REST_MS = 500;

/** Of a stream that shares its connection: bytes that wait for its reader at most. */
const UNREAD_BYTES = 1024 * 1024;

/** Longest screenshot taken, in bytes: one of 8K without compression. */
const SCREENSHOT_BYTES = 128 * 1024 * 1024;

export class Libvirt {
  readonly #target: Target;
  readonly #pool: ConnectionPool;
  /** For streams that share connections. */
  readonly #streamPool: ConnectionPool;
  readonly #closing = new AbortController();
  readonly #watches = new Set<Watch>();
  readonly #streams = new Set<RpcConnection>();

  private constructor(target: Target) {
    this.#target = target;
    this.#pool = new ConnectionPool((signal) => this.#open({ signal }), CALL_CONNECTIONS);
    this.#streamPool = new ConnectionPool((signal) => this.#open({ signal }, REST_MS), STREAM_CONNECTIONS);
  }

  /**
   * Connects to the hypervisor behind `uri`. A connection that is lost later is made anew by the next call.
   * @throws LibvirtUriError, LibvirtConnectError, LibvirtRefusedError, LibvirtDeadlineError, LibvirtClosedError,
   *   LibvirtProtocolError, and the signal's reason
   */
  static async open(uri: string, options: LibvirtOptions & CallOptions = {}): Promise<Libvirt> {
    const around = { uid: process.getuid?.() ?? 0, home: homedir(), runtimeDir: process.env.XDG_RUNTIME_DIR };
    const libvirt = new Libvirt(parseUri(uri, options.readOnly ?? false, around));
    try {
      await libvirt.#pool.use(`a connection to ${uri}`, options, async () => {});
      return libvirt;
    } catch (error) {
      libvirt.close();
      throw error;
    }
  }

  /**
   * Makes a call: `libvirt.call("domainReset", { domain, flags: 0 })`. One that is given up may have its effect all the same.
   * @throws LibvirtRefusedError, what `open` throws, XdrError where `args` cannot be sent, and the signal's reason
   */
  call<K extends keyof Procedures>(
    name: K,
    args: Args<Procedures[K]>,
    options: CallOptions = {},
  ): Promise<Result<Procedures[K]>> {
    const procedure = procedures[name] as unknown as Procedure<Args<Procedures[K]>, Result<Procedures[K]>>;
    return this.#pool.use(name, options, (connection, within) => connection.call(name, procedure, args, within));
  }

  /**
   * Makes a call that opens a stream, on a connection of its own: a slow reader holds up nobody else. The limit in `options`
   * ends with the opening; destroy the stream to end it early.
   * @throws as `call` does
   */
  async stream<K extends keyof StreamProcedures>(
    name: K,
    args: Args<StreamProcedures[K]>,
    options: CallOptions = {},
  ): Promise<{ result: Result<StreamProcedures[K]>; stream: Duplex }> {
    const limit = new TimeLimit(`reply to ${name}`, options);
    try {
      const connection = await this.#open({ deadlineMs: options.deadlineMs, signal: limit.signal });
      this.#streams.add(connection);
      connection.onClose(() => this.#streams.delete(connection));
      try {
        const within = { deadlineMs: options.deadlineMs, signal: limit.signal };
        const opened = await connection.openStream(name, opening(name), args, within);
        opened.stream.once("close", () => connection.close());
        return opened;
      } catch (error) {
        connection.close();
        throw error;
      }
    } finally {
      limit.end();
    }
  }

  /**
   * Makes a call that opens a stream, on a connection that many share: for what is read at once, always, and for long. One
   * of which more than 1 MiB waits for its reader fails with LibvirtStreamLimitError.
   * @throws as `call` does
   */
  sharedStream<K extends keyof StreamProcedures>(
    name: K,
    args: Args<StreamProcedures[K]>,
    options: CallOptions = {},
  ): Promise<{ result: Result<StreamProcedures[K]>; stream: Duplex }> {
    return this.#streamPool.use(name, options, (connection, within) =>
      connection.openStream(name, opening(name), args, within, UNREAD_BYTES),
    );
  }

  /**
   * Takes a picture of a guest's screen, paused or not: PNG or PPM, as `mime` says.
   * @param options of the whole of it
   * @throws LibvirtStreamLimitError, and as `call` does
   */
  async screenshot(
    domain: Domain,
    options: CallOptions & { readonly screen?: number; readonly maxBytes?: number } = {},
  ): Promise<{ mime: string | undefined; image: Buffer }> {
    const limit = new TimeLimit("end of domainScreenshot", options);
    try {
      const within = { deadlineMs: options.deadlineMs, signal: limit.signal };
      const { result, stream } = await this.stream(
        "domainScreenshot",
        { domain, screen: options.screen ?? 0, flags: 0 },
        within,
      );
      const image = await readAll("domainScreenshot", stream, options.maxBytes ?? SCREENSHOT_BYTES, limit);
      return { mime: result.mime, image };
    } finally {
      limit.end();
    }
  }

  /**
   * Every guest with its state, running or not.
   * @throws as `call` does
   */
  domains(options: CallOptions = {}): Promise<GuestState[]> {
    return domains((name, args) => this.call(name, args, options));
  }

  /**
   * Calls `listener` at each event, and keeps watching through every loss of the connection; see `WatchMessage`.
   * @throws where the first connection cannot be made, as `open` does
   */
  async watch(listener: (message: WatchMessage) => void, options: WatchOptions = {}): Promise<Watch> {
    const told = (message: WatchMessage) => {
      this.#streamPool.wake(); // what a guest said before it ended is heard no later
      listener(message);
    };
    const watch = await Watch.start((within) => this.#open(within), told, options);
    this.#watches.add(watch);
    if (this.#closing.signal.aborted) watch.close();
    this.#closing.signal.throwIfAborted();
    return watch;
  }

  /** Hangs up, ends the watches and the streams; calls under way are rejected. */
  close(): void {
    this.#closing.abort(new LibvirtClosedError("we hung up"));
    this.#pool.close();
    this.#streamPool.close();
    for (const watch of this.#watches) watch.close();
    for (const connection of this.#streams) connection.close();
  }

  #open({ deadlineMs, signal }: CallOptions, restMs = 0): Promise<RpcConnection> {
    const signals = [this.#closing.signal, ...(signal === undefined ? [] : [signal])];
    return openConnection(this.#target, { deadlineMs, signal: AbortSignal.any(signals) }, restMs);
  }
}

function opening<K extends keyof StreamProcedures>(name: K) {
  return streamProcedures[name] as unknown as Procedure<Args<StreamProcedures[K]>, Result<StreamProcedures[K]>>;
}

/** All that a stream brings, once its finish exchange is done: the daemon may still say at the end that it failed. */
async function readAll(name: string, stream: Duplex, maxBytes: number, limit: TimeLimit): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  stream.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxBytes) stream.destroy(new LibvirtStreamLimitError(name, maxBytes));
  });
  stream.once("error", reject);
  stream.once("close", resolve);
  try {
    if (stream.errored !== null) throw stream.errored;
    if (!stream.closed) await limit.race(promise);
    return Buffer.concat(chunks);
  } finally {
    promise.catch(() => {});
    stream.destroy();
  }
}
