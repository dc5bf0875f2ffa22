/** An incident: one trouble of one guest, or of the whole host, from its first sign to its end. */

/** What trouble looks like from a host; one file each in `signs/`. */
export type SignName =
  | "last-words"
  | "fire"
  | "panic"
  | "watchdog-pause"
  | "storage-pause"
  | "emulator-stuck"
  | "emulator-crash"
  | "reset-loop"
  | "silence"
  | "hung-boot"
  /** Of the host: many guests have one cause, by the host's own proof (host-cause.ts). */
  | "storage-down"
  | "overload";

export interface Sign {
  readonly sign: SignName;
  readonly at: number;
  /** For people; may hold what the guest said, and is then untrusted. */
  readonly detail: string;
}

export interface Incident {
  readonly id: number;
  /** Undefined: it is the host's. */
  readonly uuid: string | undefined;
  /** The guest's name when it began; `host`. */
  readonly name: string;
  /** In the order in which they came, each name once; never empty. */
  readonly signs: readonly Sign[];
  readonly lastSignAt: number;
}

/** How it ended. `back`: the guest's daemon says so. `calm`: it runs, and nothing more has happened. */
export type Outcome = "back" | "calm" | "off" | "gone";

/** What the engine wants done; it does nothing itself. */
export type Effect =
  | { readonly type: "open"; readonly incident: Incident }
  | { readonly type: "sign"; readonly id: number; readonly sign: Sign }
  | { readonly type: "close"; readonly id: number; readonly outcome: Outcome; readonly at: number }
  /** Take what can be had of the guest, now. */
  | { readonly type: "evidence"; readonly id: number; readonly uuid: string; readonly sign: SignName }
  /** Observing, nothing is done to a guest: this is what would be. */
  | { readonly type: "would"; readonly id: number; readonly at: number; readonly remedy: Remedy; readonly why: string }
  | { readonly type: "alert"; readonly id: number; readonly sign: Sign }
  /** Read the guest's counters and the host's pressure. */
  | { readonly type: "read"; readonly uuid: string };

export type Remedy = "reset and resume" | "start" | "quarantine";
