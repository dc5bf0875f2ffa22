/** What the daemon tells of itself to whoever asks on its control socket: types only, shared by the daemon and its client. */
import type { CheckReport, Mode } from "@bernard/protocol/messages";
import type { End } from "./end.ts";
import type { Bite, LastEnd } from "./record.ts";

export interface StatusReport {
  readonly version: string;
  readonly mode: Mode;
  /** Null where nothing is fed. */
  readonly device: DeviceStatus | null;
  /** Seconds for which no failed check ends anything; 0: not muted. */
  readonly muted_for_s: number;
  /** Seconds of the grace after boot that are left. */
  readonly grace_left_s: number;
  readonly budget: BudgetStatus;
  /** Why the guest is being ended, its feeding included; empty while it is not. */
  readonly ended: string;
  readonly checks: readonly CheckStatus[];
  /** What would have ended the guest in the last 14 days, had the mode been `act` or the mute not been; oldest first. */
  readonly would_fire: readonly Bite[];
}

interface DeviceStatus {
  readonly identity: string;
  /** Seconds from the last feed to the fire. */
  readonly timeout: number;
  /** Whether it ticks, by the hardware's own word. */
  readonly armed: boolean | "unknown";
  /** Null before the first feed. */
  readonly fed_ago_s: number | null;
  readonly feeds: number;
}

/** How many times the guest may be ended in a window, and was. */
interface BudgetStatus {
  readonly used: number;
  readonly limit: number;
  readonly window_s: number;
}

export interface CheckStatus extends CheckReport {
  /** The limits in force, for people; empty where the check tells none. */
  readonly limit: string;
  /** Seconds that its trouble must last. */
  readonly hold_s: number;
  /** What follows when it has failed. */
  readonly end: End;
}

/** Why the previous boot ended, as far as the daemon knows. */
export interface LastReport {
  /** `by us`: by the daemon, as `record` tells; `fired`: the device fired; `unknown`: neither is known. */
  readonly how: LastEnd;
  /** What the daemon wrote down when it ended the guest; null: nothing, or it could not. */
  readonly record: Bite | null;
}
