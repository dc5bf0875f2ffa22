/** A daemon that says what a test wants said, on a real UNIX socket: whole, in pieces, late, in another order, or wrong. */
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Scope } from "@bernard/tools";
import { encodePacket, type Packet, PacketSplitter, Program, Status, Type } from "../../src/libvirt/packet.ts";
import { procedures } from "../../src/libvirt/procedures.ts";
import { encode, int, optional, string, struct } from "../../src/libvirt/xdr.ts";

export type Answer = (packet: Packet, socket: Socket) => void;

export class FakeDaemon {
  readonly path: string;
  /** Every packet that came, the handshake's included. */
  readonly packets: Packet[] = [];
  readonly sockets = new Set<Socket>();
  /** How many there have been. */
  connections = 0;
  readonly #server: Server;

  constructor(path: string, server: Server) {
    this.path = path;
    this.#server = server;
  }

  get uri(): string {
    return `qemu:///system?socket=${this.path}`;
  }

  /** Sends to whoever is connected. */
  broadcast(bytes: Buffer): void {
    for (const socket of this.sockets) socket.write(bytes);
  }

  hangUp(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Stops listening and hangs up; `listen` is back. */
  async stop(): Promise<void> {
    this.hangUp();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }

  async listen(): Promise<void> {
    this.#server.listen(this.path);
    await once(this.#server, "listening");
  }
}

/** @param answer gets each packet; what it does not answer is not answered. `greet` is for the handshake. */
export async function fakeDaemon(t: Scope, answer: Answer): Promise<FakeDaemon> {
  const dir = await mkdtemp(join(tmpdir(), "bernard-daemon-"));
  const server = createServer((socket) => {
    const splitter = new PacketSplitter();
    daemon.sockets.add(socket);
    daemon.connections++;
    socket.on("close", () => daemon.sockets.delete(socket));
    socket.on("error", () => {}); // a test hangs up when it likes
    socket.on("data", (chunk: Buffer) => {
      for (const packet of splitter.push(chunk).packets) {
        daemon.packets.push(packet);
        answer(packet, socket);
      }
    });
  });
  const daemon = new FakeDaemon(join(dir, "socket"), server);
  await daemon.listen();
  t.after(async () => {
    daemon.hangUp();
    server.close();
    await rm(dir, { recursive: true });
  });
  return daemon;
}

/** Answers the handshake as a daemon without authentication does; `then` gets the rest. */
export function greeting(then: Answer = () => {}): Answer {
  return (packet, socket) => {
    if (isCall(packet, "authList")) {
      socket.write(reply(packet, encode(procedures.authList.result, { types: [0] })));
    } else if (isCall(packet, "connectOpen") || isCall(packet, "connectClose")) {
      socket.write(reply(packet));
    } else if (isCall(packet, "connectSupportsFeature")) {
      socket.write(reply(packet, encode(procedures.connectSupportsFeature.result, { supported: 1 })));
    } else then(packet, socket);
  };
}

export function isCall(packet: Packet, name: keyof typeof procedures): boolean {
  const { program, number } = procedures[name];
  return packet.type === Type.call && packet.program === program && packet.procedure === number;
}

export const reply = (call: Packet, payload?: Uint8Array): Buffer =>
  encodePacket({ ...call, type: Type.reply, status: Status.ok }, payload);

const refusalLayout = struct({
  code: int,
  domain: int,
  message: optional(string),
  level: int,
  about: int,
  string1: int,
  string2: int,
  string3: int,
  int1: int,
  int2: int,
  network: int,
});

/** libvirt's error without what is optional. */
export function refusalPayload(code: number, domain: number, message: string | undefined): Buffer {
  const nothing = { about: 0, string1: 0, string2: 0, string3: 0, int1: 0, int2: 0, network: 0 };
  return encode(refusalLayout, { code, domain, message, level: 2, ...nothing });
}

export const refuse = (call: Packet, code: number, message: string | undefined, domain = 10): Buffer =>
  encodePacket({ ...call, type: Type.reply, status: Status.error }, refusalPayload(code, domain, message));

export const streamed = (call: Packet, status: number, payload?: Uint8Array): Buffer =>
  encodePacket({ ...call, type: Type.stream, status }, payload);

export const ping = (): Buffer =>
  encodePacket({ program: Program.keepalive, procedure: 1, type: Type.message, serial: 0, status: Status.ok });
