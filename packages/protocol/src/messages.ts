/**
 * The messages that guest and host exchange over the channel: one JSON object a line.
 * Types and limits only: the guest's daemon is built from this file, so it needs no library.
 */

/** Version of the messages; every one carries it as `v`. */
export const PROTOCOL_VERSION = 1;

/** Name of the virtio-serial port. */
export const CHANNEL_NAME = "org.bernard.guest.0";

/** Longest line in bytes, its newline included; what is longer is dropped whole. */
export const MAX_LINE_BYTES = 16_384;

/**
 * Longest name, in UTF-16 code units: of a check (which may hold a path), a reading, a device, a version, a boot id. The host
 * drops a message that has a longer one.
 */
export const MAX_NAME_LENGTH = 2048;

/** Longest reason, in UTF-16 code units; the host cuts what is longer. */
export const MAX_REASON_LENGTH = 512;

/** Most checks in one message. */
export const MAX_CHECKS = 256;

/** Most readings of one check. */
export const MAX_READINGS = 64;

/** Seconds between two beats when nothing changes. */
export const BEAT_INTERVAL_S = 10;

/** Milliseconds from which on a round counts as late. */
export const LATE_ROUND_MS = 20;

/** `failing` is over its limit, but not yet for its hold time. */
export type Verdict = "healthy" | "failing" | "failed";

/** One check as the guest last saw it. */
export interface CheckReport {
  /** `memory`, `disk:/data`... */
  readonly name: string;
  readonly verdict: Verdict;
  /** Why it is not healthy, for people; empty when healthy. */
  readonly reason: string;
  /** The numbers behind the verdict; units are in the names (`available_kib`, `full_avg10_percent`). */
  readonly readings: Readonly<Record<string, number>>;
}

/** `act`: ends the guest when a check has failed. `announce` only tells the host that it would. `observe` only keeps that for itself. */
export type Mode = "act" | "announce" | "observe";

/** First message of a daemon's life. */
export interface Hello {
  readonly type: "hello";
  readonly v: typeof PROTOCOL_VERSION;
  /** Version of bernard-guest. */
  readonly version: string;
  /** The kernel's boot id: a new one means the guest was booted anew. */
  readonly boot: string;
  /** Seconds since boot (CLOCK_MONOTONIC). */
  readonly at: number;
  /** The watchdog device as the driver names it and its effective timeout in seconds; null when none is fed. */
  readonly device: { readonly identity: string; readonly timeout: number } | null;
  readonly mode: Mode;
  /** Names of the checks that decide. */
  readonly checks: readonly string[];
}

/** Sent every {@link BEAT_INTERVAL_S} and at each change of a verdict. */
export interface Beat {
  readonly type: "beat";
  readonly v: typeof PROTOCOL_VERSION;
  readonly at: number;
  /** Counts the beats of this daemon's life from 1. */
  readonly seq: number;
  /** Keep-alive writes that the device has taken so far. */
  readonly feeds: number;
  /** Rounds so far, and those of them that began more than {@link LATE_ROUND_MS} late: a starved host, or a guest that thrashes. */
  readonly rounds: number;
  readonly late_rounds: number;
  /** The latest of the rounds since the beat before. */
  readonly worst_late_ms: number;
  readonly checks: readonly CheckReport[];
}

/** How a guest ends itself: `starve` is by the watchdog device alone, the others in order, with the device ticking behind. */
export type GuestEnd = "starve" | "reboot" | "poweroff" | "panic";

/** Sent once, when a check has failed and the guest is about to end; or would be, but for its mode, a mute or a spent bite budget. */
export interface LastWords {
  readonly type: "last-words";
  readonly v: typeof PROTOCOL_VERSION;
  readonly at: number;
  /** Name of the check that failed. */
  readonly check: string;
  readonly reason: string;
  readonly end: GuestEnd;
  /** False: the end is not carried out, and the guest is fed on. */
  readonly acts: boolean;
  readonly checks: readonly CheckReport[];
}

/** Sent at a clean stop: from here on silence is no incident. */
export interface Bye {
  readonly type: "bye";
  readonly v: typeof PROTOCOL_VERSION;
  readonly at: number;
  /** Whether the device was left ticking (`nowayout`, or no magic close). */
  readonly armed: boolean;
}

export type GuestMessage = Hello | Beat | LastWords | Bye;
