/**
 * The ends of the guests' consoles. Off by default: a console has one reader, and an operator's `virsh console` would find it taken.
 * Read always where it is on: a console that nobody reads can block its writer in the guest's kernel.
 */
import type { Guest, Hypervisor } from "@bernard/hypervisor";
import { GuestStreams } from "./guest-streams.ts";

/** Bytes kept of each. */
const TAIL_BYTES = 32 * 1024;

const NOTHING = Buffer.alloc(0);

/** Milliseconds until a console that somebody has, or that was lost, is tried again. */
const RETRY_MS = 30_000;

export class ConsoleTails {
  readonly #isOn: boolean;
  readonly #streams: GuestStreams<{ bytes: Buffer }>;

  constructor(hypervisor: Hypervisor, isOn: boolean) {
    this.#isOn = isOn && hypervisor.abilities.has("console");
    this.#streams = new GuestStreams<{ bytes: Buffer }>({
      open: (guest) => hypervisor.console(guest),
      begin: () => ({ bytes: NOTHING }),
      read(_, tail, chunk) {
        // A copy of just that: a part of a buffer holds on to all of it.
        const rest = Math.max(0, TAIL_BYTES - chunk.length);
        tail.bytes = Buffer.concat([rest === 0 ? NOTHING : tail.bytes.subarray(-rest), chunk.subarray(-TAIL_BYTES)]);
      },
      retryMs: RETRY_MS,
      retryMaxMs: RETRY_MS,
    });
  }

  /** The guest is in this state now. */
  follow(guest: Guest): void {
    if (this.#isOn) this.#streams.follow(guest);
  }

  /** The guest is not there any more. */
  forget(uuid: string): void {
    this.#streams.forget(uuid);
  }

  /** Untrusted; empty where nothing was read. */
  tail(uuid: string): Buffer {
    return this.#streams.kept(uuid)?.bytes ?? NOTHING;
  }

  /** Untrusted. */
  lastLine(uuid: string): string {
    const text = this.tail(uuid).subarray(-1024).toString("utf8");
    return text.split(/\r*\n/).at(-1) ?? "";
  }

  close(): void {
    this.#streams.close();
  }
}
