/** The shape of what takes one kind of evidence. To add one is to add a file in collectors/ and a line in its index. */
import type { Guest, Hypervisor } from "@bernard/hypervisor";
import type { GuestMessage } from "@bernard/protocol";
import type { BeatRing } from "../daemon/beat-ring.ts";

/** What collectors may use. */
export interface Scene {
  readonly guest: Guest;
  readonly hypervisor: Hypervisor;
  /** Milliseconds of the host's clock that never jumps. */
  readonly now: number;
  readonly said: { readonly beats: BeatRing; readonly lastWords: GuestMessage | undefined } | undefined;
  /** The end of the guest's console; empty where nobody reads it. */
  readonly console: Buffer;
  /** Where libvirt keeps what emulators write: NAME.log. */
  readonly logDir: string;
}

export interface Piece {
  /** Its file's name. */
  readonly file: string;
  /** Untrusted, except where the hypervisor made it. */
  readonly bytes: Uint8Array;
}

/**
 * Takes its piece, at most EVIDENCE_BYTES; undefined where there is none. Of what may hang it gives up when `signal` is aborted.
 * What it throws is noted among the evidence.
 */
export interface Collector {
  readonly name: string;
  collect(scene: Scene, signal: AbortSignal): Promise<Piece | undefined>;
}

/** Most bytes of one piece: a screen of 4K as PNG; a PPM of it is left out. */
export const EVIDENCE_BYTES = 16 * 2 ** 20;

export const jsonPiece = (file: string, value: unknown): Piece => ({
  file,
  bytes: Buffer.from(`${JSON.stringify(value)}\n`),
});
