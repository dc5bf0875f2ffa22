/** One connection to libvirt's daemon: calls matched by serial, events, streams, keepalive, deadlines. */
import type { Duplex } from "node:stream";
import {
  LibvirtClosedError,
  LibvirtConnectError,
  LibvirtProtocolError,
  LibvirtRefusedError,
  type Refusal,
} from "./errors.ts";
import { decodeEvent, type LibvirtEvent } from "./events.ts";
import { encodePacket, type Header, type Packet, PacketSplitter, Program, Status, Type } from "./packet.ts";
import { domain, type Procedure, procedures } from "./procedures.ts";
import { RpcStream, type StreamWire } from "./rpc-stream.ts";
import { type CallOptions, TimeLimit } from "./time-limit.ts";
import { READ_BYTES } from "./transport.ts";
import { type Codec, decode, encode, int, optional, string, struct, uuid, XdrError } from "./xdr.ts";

/** VIR_DRV_FEATURE_PROGRAM_KEEPALIVE: a daemon pings only those who asked for it. */
const FEATURE_KEEPALIVE = 10;
const PING = 1;
const PONG = 2;

/** remote_error of libvirt's protocol: virError on the wire. */
const refusal = struct({
  code: int,
  domain: int,
  message: optional(string),
  level: int,
  about: optional(domain),
  string1: optional(string),
  string2: optional(string),
  string3: optional(string),
  int1: int,
  int2: int,
  network: optional(struct({ name: string, uuid })),
});

interface Keepalive {
  /** Milliseconds of silence after which we ask whether the daemon is there. */
  readonly intervalMs: number;
  /** How often we ask before the connection counts as dead. */
  readonly count: number;
}

/** As libvirt's own clients and daemons have it. */
const KEEPALIVE: Keepalive = { intervalMs: 5_000, count: 5 };

interface Waiter {
  readonly name: string;
  readonly procedure: Procedure;
  /** Gets every reply that is well, in time or not, before anything that follows it is looked at. */
  readonly onReply: (serial: number, late: boolean) => void;
  readonly resolve: (packet: Packet) => void;
  readonly reject: (error: Error) => void;
  /** Packets of the stream that it opens, come before its reply: another thread of the daemon's sends them. */
  readonly early: Packet[];
  /** Nobody waits any more; its reply, if it comes, is no surprise. */
  abandoned: boolean;
}

export class RpcConnection {
  readonly #socket: Duplex;
  readonly #restMs: number;
  readonly #splitter = new PacketSplitter();
  readonly #waiters = new Map<number, Waiter>();
  readonly #streams = new Map<number, RpcStream>();
  readonly #eventListeners = new Set<(event: LibvirtEvent) => void>();
  readonly #closeListeners = new Set<(error: Error) => void>();
  #keepaliveTimer: NodeJS.Timeout | undefined;
  #rest: NodeJS.Timeout | undefined;
  #heardMs = 0;
  #pings = 0;
  #lastSerial = 0;
  #closed: Error | undefined;
  #dropped = 0;

  /** @param restMs milliseconds in which nothing is read once all that was there is, unless a reply is awaited */
  constructor(socket: Duplex, restMs = 0) {
    this.#socket = socket;
    this.#restMs = restMs;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("drain", () => {
      for (const stream of this.#streams.values()) stream.drained();
    });
    socket.on("error", (error) => {
      this.#end(error instanceof LibvirtConnectError ? error : new LibvirtClosedError(error.message, error));
    });
    socket.on("end", () => this.#end(new LibvirtClosedError("the daemon hung up")));
    socket.on("close", () => this.#end(new LibvirtClosedError("the daemon hung up")));
  }

  /** Packets that meant nothing to us: replies to no call of ours, unknown programs, events that cannot be read. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Calls whose reply has not come, those that nobody waits for any more included: the daemon still works on them. */
  get underWay(): number {
    return this.#waiters.size;
  }

  /** Whether each call under way has been given up, and nothing else comes this way. */
  get clogged(): boolean {
    return (
      this.#waiters.size > 0 &&
      this.#streams.size === 0 &&
      [...this.#waiters.values()].every(({ abandoned }) => abandoned)
    );
  }

  get closed(): boolean {
    return this.#closed !== undefined;
  }

  /**
   * Makes one call. A reply that comes after the deadline is ignored: the call may have had its effect.
   * @param name what the call is named in errors
   * @throws LibvirtRefusedError, LibvirtDeadlineError, LibvirtClosedError, LibvirtProtocolError, XdrError where `args`
   *   cannot be sent, and the signal's reason
   */
  async call<A, R>(name: string, procedure: Procedure<A, R>, args: A, options: CallOptions = {}): Promise<R> {
    return read(name, procedure.result, await this.#exchange(name, procedure, args, options, () => {}));
  }

  /**
   * Makes a call that opens a stream.
   * @param unreadMax bytes that wait for its reader at most, then it fails; where not given, everything on this connection waits
   * @throws as `call` does
   */
  async openStream<A, R>(
    name: string,
    procedure: Procedure<A, R>,
    args: A,
    options: CallOptions = {},
    unreadMax?: number,
  ): Promise<{ result: R; stream: RpcStream }> {
    let stream: RpcStream | undefined;
    const packet = await this.#exchange(name, procedure, args, options, (serial, late) => {
      const wire = this.#wire(procedure, serial, unreadMax === undefined);
      stream = new RpcStream(name, wire, unreadMax);
      this.#streams.set(serial, stream);
      if (late) stream.destroy(); // nobody would ever read it
    });
    return { result: read(name, procedure.result, packet), stream: stream! };
  }

  /** Calls `listener` at each event from now on; the returned function ends that. */
  onEvent(listener: (event: LibvirtEvent) => void): () => void {
    this.#eventListeners.add(listener);
    return () => this.#eventListeners.delete(listener);
  }

  /** Calls `listener` once, with the reason, when the connection ends. */
  onClose(listener: (error: Error) => void): () => void {
    this.#closeListeners.add(listener);
    return () => this.#closeListeners.delete(listener);
  }

  /** Agrees with the daemon that each side looks whether the other is there; does nothing where it cannot. */
  async keepAlive(options: CallOptions = {}, keepalive: Keepalive = KEEPALIVE): Promise<void> {
    const asked = { feature: FEATURE_KEEPALIVE };
    const { supported } = await this.call("keepalive", procedures.connectSupportsFeature, asked, options);
    if (supported !== 1 || this.#closed !== undefined) return;
    this.#heardMs = performance.now();
    this.#keepaliveTimer = setInterval(() => this.#lookForLife(keepalive), keepalive.intervalMs);
  }

  /** What has come in a rest is read now. */
  wake(): void {
    if (this.#rest === undefined) return;
    clearTimeout(this.#rest);
    this.#rest = undefined;
    this.#socket.resume();
  }

  /** Hangs up; what is pending is rejected. The daemon goes on with it. */
  close(): void {
    this.#end(new LibvirtClosedError("we hung up"));
  }

  async #exchange<A, R>(
    name: string,
    procedure: Procedure<A, R>,
    args: A,
    options: CallOptions,
    onReply: Waiter["onReply"],
  ): Promise<Packet> {
    if (this.#closed !== undefined) throw this.#closed;
    options.signal?.throwIfAborted();
    const payload = encode(procedure.args, args);
    const serial = this.#nextSerial();
    const limit = new TimeLimit(`reply to ${name}`, options);
    const { promise, resolve, reject } = Promise.withResolvers<Packet>();
    limit.signal.addEventListener("abort", () => reject(limit.signal.reason));
    const waiter: Waiter = {
      name,
      procedure: procedure as Procedure,
      onReply,
      resolve,
      reject,
      early: [],
      abandoned: false,
    };
    this.#waiters.set(serial, waiter);
    this.wake();
    this.#send({ ...call(procedure as Procedure), serial }, payload);
    try {
      return await promise;
    } finally {
      waiter.abandoned = true;
      limit.end();
    }
  }

  /** Serials are 32 bits wide; after a wrap those still in use are stepped over. */
  #nextSerial(): number {
    do this.#lastSerial = this.#lastSerial >= 0xffff_ffff ? 1 : this.#lastSerial + 1;
    while (this.#waiters.has(this.#lastSerial) || this.#streams.has(this.#lastSerial));
    return this.#lastSerial;
  }

  #send(header: Omit<Header, "version">, payload?: Uint8Array): boolean {
    if (this.#closed !== undefined) return false;
    return this.#socket.write(encodePacket(header, payload));
  }

  #wire(procedure: Procedure, serial: number, mayPause: boolean): StreamWire {
    const header = { program: procedure.program, procedure: procedure.number, type: Type.stream, serial };
    return {
      send: (status, payload) => this.#send({ ...header, status }, payload),
      pause: () => void (mayPause && this.#socket.pause()),
      resume: () => void (mayPause && this.#socket.resume()),
      forget: () => void this.#streams.delete(serial),
    };
  }

  #receive(chunk: Buffer): void {
    this.#heardMs = performance.now();
    this.#pings = 0;
    const { packets, error } = this.#splitter.push(chunk);
    for (const packet of packets) {
      if (this.#closed !== undefined) return;
      if (!this.#dispatch(packet)) this.#dropped++;
    }
    if (error !== undefined) this.#end(error);
    // Small packets that are read each by itself take several times the processor time that they take together.
    if (this.#restMs > 0 && this.#waiters.size === 0 && chunk.length < READ_BYTES && this.#closed === undefined) {
      this.#socket.pause();
      this.#rest ??= setTimeout(() => this.wake(), this.#restMs);
    }
  }

  /** Whether the packet meant something. */
  #dispatch(packet: Packet): boolean {
    if (packet.version !== 1) return false;
    if (packet.program === Program.keepalive) return this.#keepalive(packet);
    // By type first: the daemon sends events with serial 1, the serial of our first call.
    if (packet.type === Type.message) return this.#event(packet);
    if (packet.type === Type.reply) return this.#reply(packet);
    if (packet.type === Type.stream) return this.#streamed(packet);
    return false;
  }

  #event(packet: Packet): boolean {
    const event = readEvent(packet);
    if (event === undefined) return false;
    for (const listener of this.#eventListeners) listener(event);
    return true;
  }

  #reply(packet: Packet): boolean {
    const waiter = this.#waiters.get(packet.serial);
    if (waiter === undefined) return false;
    this.#waiters.delete(packet.serial);
    const { name, procedure, abandoned, early } = waiter;
    if (packet.status === Status.ok) {
      waiter.onReply(packet.serial, abandoned);
      for (const each of early) this.#streamed(each);
    }
    if (packet.procedure !== procedure.number || packet.program !== procedure.program) {
      waiter.reject(new LibvirtProtocolError(`the reply to ${name} speaks of procedure ${packet.procedure}`));
    } else if (packet.status === Status.error) waiter.reject(readRefusal(name, packet));
    else if (packet.status === Status.ok) waiter.resolve(packet);
    else waiter.reject(new LibvirtProtocolError(`the reply to ${name} has the status ${packet.status}`));
    return true;
  }

  #streamed(packet: Packet): boolean {
    const stream = this.#streams.get(packet.serial);
    if (stream === undefined) {
      const opener = this.#waiters.get(packet.serial);
      if (opener === undefined || opener.procedure.number !== packet.procedure) return false;
      if (!opener.abandoned) opener.early.push(packet);
      return true;
    }
    if (packet.status === Status.more) stream.data(packet.payload);
    else if (packet.status === Status.ok) stream.finished();
    else stream.failed(readRefusal(stream.name, packet));
    return true;
  }

  #keepalive({ procedure }: Packet): boolean {
    const header = { program: Program.keepalive, type: Type.message, serial: 0, status: Status.ok };
    if (procedure === PING) this.#send({ ...header, procedure: PONG });
    return procedure === PING || procedure === PONG;
  }

  #lookForLife({ intervalMs, count }: Keepalive): void {
    // A stream's slow reader has stopped us from listening: silence is ours, not the daemon's.
    if (this.#socket.isPaused()) this.#heardMs = performance.now();
    if (performance.now() - this.#heardMs < intervalMs) return;
    if (this.#pings >= count) {
      this.#end(new LibvirtClosedError(`the daemon left ${count} keepalive questions unanswered`));
      return;
    }
    this.#pings++;
    this.#send({ program: Program.keepalive, procedure: PING, type: Type.message, serial: 0, status: Status.ok });
  }

  #end(error: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = error;
    clearInterval(this.#keepaliveTimer);
    clearTimeout(this.#rest);
    for (const waiter of this.#waiters.values()) waiter.reject(error);
    this.#waiters.clear();
    for (const stream of this.#streams.values()) stream.failed(error);
    this.#socket.destroy();
    for (const listener of this.#closeListeners) listener(error);
  }
}

const call = ({ program, number }: Procedure) => ({ program, procedure: number, type: Type.call, status: Status.ok });

function read<R>(name: string, result: Codec<R>, { payload }: Packet): R {
  try {
    return decode(result, payload);
  } catch (error) {
    if (!(error instanceof XdrError)) throw error;
    throw new LibvirtProtocolError(`the reply to ${name} cannot be read (${error.message})`, error);
  }
}

function readRefusal(name: string, { payload }: Packet): Error {
  try {
    const {
      code,
      domain: part,
      message,
    }: Omit<Refusal, "message"> & { message: string | undefined } = decode(refusal, payload);
    return new LibvirtRefusedError(name, { code, domain: part, message: message?.trim() ?? `error ${code}` });
  } catch (error) {
    if (!(error instanceof XdrError)) throw error;
    return new LibvirtProtocolError(`the refusal of ${name} cannot be read (${error.message})`, error);
  }
}

function readEvent(packet: Packet): LibvirtEvent | undefined {
  try {
    return decodeEvent(packet);
  } catch (error) {
    if (error instanceof XdrError) return undefined;
    throw error;
  }
}
