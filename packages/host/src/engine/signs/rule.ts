/** The shape of what recognises a sign. To add one is to add a file here and a line in index.ts. */
import type { GuestRecord } from "../guest-record.ts";
import type { Remedy, SignName } from "../incident.ts";
import type { Input } from "../input.ts";
import type { Settings } from "../settings.ts";

export interface Step {
  readonly before: GuestRecord;
  readonly now: GuestRecord;
  readonly input: Input;
  readonly settings: Settings;
}

export interface Rule {
  readonly sign: SignName;
  /** What this step shows, for people; undefined: nothing. Of one incident the first is kept. */
  found(step: Step): string | undefined;
  /** When it may find something though nothing happens. */
  dueAt?(now: GuestRecord, settings: Settings): number | undefined;
  /** Whether the trouble is still there; a fire, say, is over at once. */
  lasts?(now: GuestRecord): boolean;
  /** What would help, and why; undefined: nothing that a host can do. */
  remedy?(now: GuestRecord): { readonly remedy: Remedy; readonly why: string } | undefined;
}
