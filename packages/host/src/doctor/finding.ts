/** The shape of a finding, and of the rule that makes it. */
import type { Facts } from "./facts.ts";

/** `problem`: it is not rescued. `warning`: it may not be. `note`: it is, and there is something to know. */
export type Severity = "problem" | "warning" | "note";

export interface Finding {
  /** Name of the rule: `no-device`. */
  readonly id: string;
  readonly severity: Severity;
  /** What is so, of the guest as `it`; may quote the guest. */
  readonly what: string;
  /** What to do about it, in one line. */
  readonly cure: string;
}

export interface Rule {
  readonly id: string;
  /** Pure; undefined where there is nothing to tell. */
  readonly find: (facts: Facts) => Omit<Finding, "id"> | undefined;
}
