/** A guest in a QEMU process of its own: started, watched, stopped. */
import { once } from "node:events";
import { open } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type Accelerator, pickAccelerator } from "./accelerator.ts";
import { GuestStartError, QmpClosedError } from "./errors.ts";
import { CARD, consolePath, type GuestOptions, guestArguments, socketPath } from "./guest-arguments.ts";
import { type Exit, QemuProcess } from "./qemu-process.ts";
import { QmpClient, type QmpEvent } from "./qmp-client.ts";

/** Milliseconds until a started QEMU must have greeted: long, for the machine may be busy with other guests. */
const START_MS = 30_000;

/** Milliseconds that QEMU may take to answer `quit`, and again to end, before signals follow. */
const QUIT_MS = 2_000;

/** Milliseconds in which a QEMU that broke off its start has ended and told why. */
const LAST_WORDS_MS = 1_000;

/** Bytes at the end of the console log that are searched for its last lines. */
const TAIL_BYTES = 65_536;

/**
 * Starts a guest and resolves once its processor runs. Call it on the main thread: QEMU ends with the thread that starts it.
 * @throws GuestStartError with QEMU's own words; UserError when QEMU is not installed
 */
export async function startGuest(options: GuestOptions): Promise<QemuGuest> {
  const accelerator = options.accelerator ?? (await pickAccelerator());
  const outlivesUs = options.keepRunning ?? false;
  const qemu = await QemuProcess.start(guestArguments(options, accelerator), { outlivesUs });
  const channels = new Map<string, Socket>();
  try {
    const qmp = await QmpClient.connect(qemu.monitor, { deadlineMs: START_MS });
    for (const name of options.channels) channels.set(name, await connectChannel(options.dir, name));
    if (options.onEvent !== undefined) qmp.onEvent(options.onEvent);
    if (options.incoming === undefined) await qmp.execute("cont", {}, { deadlineMs: START_MS });
    return new QemuGuest(options, accelerator, qemu, qmp, channels);
  } catch (error) {
    for (const socket of channels.values()) socket.destroy();
    const ended = await qemu.endsWithin(LAST_WORDS_MS);
    if (ended) throw new GuestStartError(options.name, qemu.complaint);
    qemu.kill();
    await qemu.exited;
    throw error;
  }
}

async function connectChannel(dir: string, name: string): Promise<Socket> {
  const socket = connect(socketPath(dir, name));
  await once(socket, "connect");
  socket.on("error", () => {}); // its reader sees the end; the guest's exit tells why
  return socket;
}

export class QemuGuest {
  readonly name: string;
  readonly accelerator: Accelerator;
  readonly qmp: QmpClient;
  /** The file that gets what the guest writes to its console: untrusted text. */
  readonly consolePath: string;
  readonly #qemu: QemuProcess;
  readonly #channels: ReadonlyMap<string, Duplex>;

  /** For {@link startGuest} only. */
  constructor(
    options: GuestOptions,
    accelerator: Accelerator,
    qemu: QemuProcess,
    qmp: QmpClient,
    channels: ReadonlyMap<string, Duplex>,
  ) {
    this.name = options.name;
    this.accelerator = accelerator;
    this.qmp = qmp;
    this.consolePath = consolePath(options.dir);
    this.#qemu = qemu;
    this.#channels = channels;
  }

  /** QEMU's process id. */
  get pid(): number {
    return this.#qemu.pid;
  }

  /** Resolves when QEMU has ended, in whatever way. */
  get exited(): Promise<Exit> {
    return this.#qemu.exited;
  }

  /**
   * Our end of a channel: untrusted bytes, and none are lost from the start. Read it, for a full one blocks its writer in
   * the guest. It outlives resets of the guest and ends with QEMU.
   */
  channel(name: string): Duplex {
    const channel = this.#channels.get(name);
    if (channel === undefined) throw new RangeError(`guest ${this.name} has no channel ${name}`);
    return channel;
  }

  /** Plugs the network card's cable in, or pulls it. */
  async setLink(up: boolean): Promise<void> {
    await this.qmp.execute("set_link", { name: CARD, up });
  }

  /** Calls `listener` at each event of QEMU from now on, see also `GuestOptions.onEvent`; the returned function ends that. */
  onEvent(listener: (event: QmpEvent) => void): () => void {
    return this.qmp.onEvent(listener);
  }

  /** The last lines of the console, at most `lines`: untrusted text. */
  async consoleTail(lines: number): Promise<string[]> {
    const file = await open(this.consolePath);
    try {
      const { size } = await file.stat();
      const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
      const { bytesRead } = await file.read(tail, 0, tail.length, size - tail.length);
      const all = tail.toString("utf8", 0, bytesRead).split(/\r*\n/);
      if (all.at(-1) === "") all.pop();
      return all.slice(-lines);
    } finally {
      await file.close();
    }
  }

  /** Ends QEMU, by its monitor or else by signals to its process id, and resolves when it is gone. */
  async stop(): Promise<void> {
    const quitting = await this.qmp.execute("quit", {}, { deadlineMs: QUIT_MS }).then(
      () => true,
      (error: unknown) => error instanceof QmpClosedError, // it may end before its answer is sent, or have ended long ago
    );
    if (!quitting || !(await this.#qemu.endsWithin(QUIT_MS))) await this.#qemu.end();
    this.#hangUp();
  }

  /** Kills QEMU at once; `exited` tells when it is gone. No harm when it has ended already. */
  kill(): void {
    this.#qemu.kill();
  }

  /** Leaves a guest that was started with `keepRunning` to itself: our process may end, and this object is of no more use. */
  release(): void {
    this.#hangUp();
    this.#qemu.release();
  }

  #hangUp(): void {
    this.qmp.close();
    for (const channel of this.#channels.values()) channel.destroy();
  }
}
