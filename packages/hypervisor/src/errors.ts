/** What can go wrong with any hypervisor, as its caller needs to tell it apart; the adapter's own error is the cause. */
import { UserError } from "@bernard/tools";

export type FailureKind =
  /** There is no such guest, or no longer. */
  | "gone"
  /** This hypervisor, connection or guest cannot do it. */
  | "unsupported"
  /** The guest's state forbids it. */
  | "wrong-state"
  /** Somebody else has it. */
  | "busy"
  /** Nothing came in time; what was asked for may have happened. */
  | "no-answer"
  /** There is nobody to speak to, or no longer. */
  | "unreachable"
  /** We may not. */
  | "denied"
  /** It was tried and did not work. */
  | "failed";

const EXIT_CODES = { "no-answer": 3, unreachable: 3, denied: 3 } as const satisfies Partial<Record<FailureKind, 3>>;

export class HypervisorError extends UserError {
  readonly code = "HYPERVISOR";
  readonly kind: FailureKind;

  /** @param message what failed and why; `hint` what to do about it */
  constructor(kind: FailureKind, message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super(message, options.hint, kind in EXIT_CODES ? 3 : 1);
    this.kind = kind;
    this.cause = options.cause;
  }
}

/** Whether it is a failure of that kind. */
export function isFailure(error: unknown, kind: FailureKind): error is HypervisorError {
  return error instanceof HypervisorError && error.kind === kind;
}
