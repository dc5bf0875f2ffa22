/**
 * The ends of the guests' consoles. Off by default: a console has one reader, and an operator's `virsh console` would find it taken.
 * Read always where it is on: a console that nobody reads can block its writer in the guest's kernel.
 */
import type { Duplex } from "node:stream";
import { type Guest, type Hypervisor, isFailure } from "@bernard/hypervisor";

/** Bytes kept of each. */
const TAIL_BYTES = 32 * 1024;

const NOTHING = Buffer.alloc(0);

/** Milliseconds until a console that somebody has, or that was lost, is tried again. */
const RETRY_MS = 30_000;

interface Tail {
  readonly run: string | undefined;
  bytes: Buffer;
  stream: Duplex | undefined;
  retry: NodeJS.Timeout | undefined;
  closed: boolean;
}

export class ConsoleTails {
  readonly #hypervisor: Hypervisor;
  readonly #isOn: boolean;
  readonly #tails = new Map<string, Tail>();

  constructor(hypervisor: Hypervisor, isOn: boolean) {
    this.#hypervisor = hypervisor;
    this.#isOn = isOn && hypervisor.abilities.has("console");
  }

  /** The guest is in this state now: reads while it runs or stands, another run anew. */
  follow(guest: Guest): void {
    if (!this.#isOn) return;
    const tail = this.#tails.get(guest.uuid);
    const isUp = guest.run !== undefined && guest.state !== "shutoff";
    if (tail !== undefined && (!isUp || tail.run !== guest.run)) hangUp(tail);
    if (!isUp || tail?.run === guest.run) return;
    const next: Tail = { run: guest.run, bytes: NOTHING, stream: undefined, retry: undefined, closed: false };
    this.#tails.set(guest.uuid, next);
    void this.#open(guest, next);
  }

  forget(uuid: string): void {
    const tail = this.#tails.get(uuid);
    if (tail !== undefined) hangUp(tail);
    this.#tails.delete(uuid);
  }

  /** Untrusted; empty where nothing was read. */
  tail(uuid: string): Buffer {
    return this.#tails.get(uuid)?.bytes ?? NOTHING;
  }

  /** Untrusted. */
  lastLine(uuid: string): string {
    const text = this.tail(uuid).subarray(-1024).toString("utf8");
    return text.split(/\r*\n/).at(-1) ?? "";
  }

  close(): void {
    for (const tail of this.#tails.values()) hangUp(tail);
  }

  async #open(guest: Guest, tail: Tail): Promise<void> {
    try {
      const stream = await this.#hypervisor.console(guest);
      if (tail.closed) {
        stream.destroy();
        return;
      }
      tail.stream = stream;
      stream.on("data", (chunk: Buffer) => {
        // A copy of just that: a part of a buffer holds on to all of it.
        const rest = Math.max(0, TAIL_BYTES - chunk.length);
        tail.bytes = Buffer.concat([rest === 0 ? NOTHING : tail.bytes.subarray(-rest), chunk.subarray(-TAIL_BYTES)]);
      });
      stream.on("error", () => {}); // its close follows
      stream.once("close", () => this.#retry(guest, tail));
    } catch (error) {
      if (!isFailure(error, "unsupported") && !isFailure(error, "gone")) this.#retry(guest, tail);
    }
  }

  #retry(guest: Guest, tail: Tail): void {
    tail.stream = undefined;
    if (!tail.closed) tail.retry = setTimeout(() => void this.#open(guest, tail), RETRY_MS);
  }
}

/** What it read is kept. */
function hangUp(tail: Tail): void {
  tail.closed = true;
  clearTimeout(tail.retry);
  tail.stream?.destroy();
}
