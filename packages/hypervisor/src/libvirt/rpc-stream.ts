/**
 * One stream of libvirt's: bytes both ways after a call. Reading ends where the daemon ends it; `end()` finishes it, and
 * `destroy()` aborts it in the daemon too.
 * Specification: https://libvirt.org/kbase/internals/rpc.html ("Data streams")
 */
import { Duplex } from "node:stream";
import { LibvirtStreamLimitError } from "./errors.ts";
import { Status } from "./packet.ts";

/** Bytes in one packet of a stream (VIR_NET_MESSAGE_LEGACY_PAYLOAD_MAX): all that every daemon takes. */
const CHUNK_BYTES = 262_120;

/** What a stream needs of its connection. */
export interface StreamWire {
  send(status: number, payload?: Uint8Array): boolean;
  /** Stops reading from the daemon, where nothing else on this connection would wait for it. */
  pause(): void;
  resume(): void;
  /** The daemon has no more to say on it. */
  forget(): void;
}

export class RpcStream extends Duplex {
  /** The call that opened it. */
  readonly name: string;
  readonly #wire: StreamWire;
  readonly #unreadMax: number;
  #readEnded = false;
  #over = false;
  #onWritable: (() => void) | undefined;
  #onFinished: (() => void) | undefined;

  /** @param unreadMax bytes that wait for a reader at most; it fails at more */
  constructor(name: string, wire: StreamWire, unreadMax = Number.POSITIVE_INFINITY) {
    super({ allowHalfOpen: false }); // where reading ends, the finish exchange is ours to begin
    // It may fail before its opener has it; whoever reads or writes it then is told all the same.
    this.on("error", () => {});
    this.name = name;
    this.#wire = wire;
    this.#unreadMax = unreadMax;
  }

  /** For the connection: bytes have come. None at all say that no more will. */
  data(payload: Buffer): void {
    if (this.#readEnded || this.destroyed) return;
    if (payload.length === 0) this.#endReading();
    else if (!this.push(payload)) this.#wire.pause();
    if (this.readableLength > this.#unreadMax) this.destroy(new LibvirtStreamLimitError(this.name, this.#unreadMax));
  }

  /** For the connection: the daemon has finished the stream, or answered our finish or our abort. */
  finished(): void {
    this.#close();
    this.#endReading();
    this.#onFinished?.();
  }

  /** For the connection: the stream has failed. */
  failed(error: Error): void {
    this.#close();
    this.destroy(error);
  }

  /** For the connection: there is room again for what we write. */
  drained(): void {
    const goOn = this.#onWritable;
    this.#onWritable = undefined;
    goOn?.();
  }

  override _read(): void {
    this.#wire.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error) => void): void {
    let room = true;
    for (let at = 0; at < chunk.length && !this.#over; at += CHUNK_BYTES) {
      room = this.#wire.send(Status.more, chunk.subarray(at, at + CHUNK_BYTES));
    }
    if (room || this.#over) done();
    else this.#onWritable = done;
  }

  override _final(done: (error?: Error) => void): void {
    if (this.#over) {
      done();
      return;
    }
    this.#onFinished = done;
    this.#wire.send(Status.ok);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    // A daemon that waits for our word on a stream would keep it for ever. Its last packets, and its answer, are still to come.
    if (!this.#over) this.#wire.send(Status.error);
    this.#over = true;
    this.#wire.resume();
    this.drained();
    done(error);
  }

  #endReading(): void {
    if (this.#readEnded) return;
    this.#readEnded = true;
    this.push(null);
  }

  #close(): void {
    this.#over = true;
    this.#wire.forget();
  }
}
