/**
 * libvirt's packets: a length, six words of header, a payload; and how a stream of bytes becomes packets again.
 * Specification: https://libvirt.org/kbase/internals/rpc.html
 */
import { LibvirtProtocolError } from "./errors.ts";

/** Bytes of the length and the header: the smallest packet. */
const HEADER_BYTES = 28;

/** Longest packet, its length included (VIR_NET_MESSAGE_MAX + VIR_NET_MESSAGE_LEN_MAX). */
const PACKET_MAX = 33_554_432 + 4;

/** Programs: who a packet speaks to. Each has version 1. */
export const Program = { remote: 0x20008086, qemu: 0x20008087, keepalive: 0x6b656570 } as const;

export const Type = { call: 0, reply: 1, message: 2, stream: 3 } as const;

/** `more`: a stream goes on. */
export const Status = { ok: 0, error: 1, more: 2 } as const;

export interface Header {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly type: number;
  /** A call's own number, from 1 up, which its reply and its stream repeat. An event's says nothing: the daemon sends 1. */
  readonly serial: number;
  readonly status: number;
}

export interface Packet extends Header {
  readonly payload: Buffer;
}

export function encodePacket(header: Omit<Header, "version">, payload: Uint8Array = new Uint8Array()): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
  bytes.writeUInt32BE(bytes.length, 0);
  bytes.writeUInt32BE(header.program, 4);
  bytes.writeUInt32BE(1, 8);
  bytes.writeInt32BE(header.procedure, 12);
  bytes.writeInt32BE(header.type, 16);
  bytes.writeUInt32BE(header.serial, 20);
  bytes.writeInt32BE(header.status, 24);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

function decodePacket(bytes: Buffer): Packet {
  return {
    program: bytes.readUInt32BE(4),
    version: bytes.readUInt32BE(8),
    procedure: bytes.readInt32BE(12),
    type: bytes.readInt32BE(16),
    serial: bytes.readUInt32BE(20),
    status: bytes.readInt32BE(24),
    payload: bytes.subarray(HEADER_BYTES),
  };
}

/** Cuts packets out of a stream of bytes, however it comes in pieces. */
export class PacketSplitter {
  #chunks: Buffer[] = [];
  #length = 0;
  /** Bytes without which there is nothing to do: a length, or a whole packet. */
  #wanted = 4;

  /** The packets that `chunk` completes, and why there can be no more where a length cannot be true. */
  push(chunk: Buffer): { readonly packets: readonly Packet[]; readonly error?: LibvirtProtocolError } {
    const packets: Packet[] = [];
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    if (this.#length < this.#wanted) return { packets };
    let bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    this.#wanted = 4;
    while (bytes.length >= 4) {
      const length = bytes.readUInt32BE();
      if (length < HEADER_BYTES || length > PACKET_MAX) {
        return { packets, error: new LibvirtProtocolError(`a packet of ${length} bytes`) };
      }
      this.#wanted = length;
      if (bytes.length < length) break;
      packets.push(decodePacket(bytes.subarray(0, length)));
      bytes = bytes.subarray(length);
      this.#wanted = 4;
    }
    this.#chunks = bytes.length === 0 ? [] : [bytes];
    this.#length = bytes.length;
    return { packets };
  }
}
