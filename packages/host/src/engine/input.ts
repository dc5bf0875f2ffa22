/**
 * What the engine is told. All that it knows comes in by these, each with its time; they are plain JSON, so that a log of them
 * can be replayed. Times are milliseconds of the host's CLOCK_MONOTONIC: a jump of the host's calendar changes nothing.
 */
import type { Counters, Guest, HypervisorEvent } from "@bernard/hypervisor";
import type { WatchdogAction } from "@bernard/policy";
import type { GuestMessage } from "@bernard/protocol";

/** How much of the last 10 s something on the host waited, in percent (/proc/pressure, avg10). */
export interface HostPressure {
  /** Some task waited for a processor. */
  readonly cpuSome: number;
  /** Every task that could run waited for memory, or for storage. */
  readonly memoryFull: number;
  readonly ioFull: number;
}

/** Of one guest. */
export type GuestInput =
  /** As it is found when we start to listen. */
  | { readonly type: "seen"; readonly guest: Guest }
  /** It is not there any more. `isDeleted`: somebody has undefined it. */
  | { readonly type: "gone"; readonly isDeleted: boolean }
  | Extract<
      HypervisorEvent,
      {
        readonly type: "lifecycle" | "fire" | "reset" | "storage-error" | "monitor-lost" | "channel" | "memory-failure";
      }
    >
  | { readonly type: "message"; readonly message: GuestMessage }
  /** What its definition says happens at a fire; undefined: it has no watchdog device, or nobody knows. */
  | { readonly type: "hardware"; readonly action: WatchdogAction | undefined }
  /** Its counters, its host at the same moment, and the end of its console; without counters its emulator did not answer. */
  | {
      readonly type: "reading";
      readonly counters: Counters | undefined;
      readonly host: HostPressure;
      /** Untrusted; empty where there is none. */
      readonly lastLine: string;
    }
  | { readonly type: "mute"; readonly until: number }
  /** Nothing has happened, but something is due. */
  | { readonly type: "tick" };

export type Input = { readonly at: number; readonly uuid: string } & GuestInput;
