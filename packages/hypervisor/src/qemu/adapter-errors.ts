/** What a monitor refuses, and what goes wrong on the way to it, as the failures that every adapter tells. */
import { printable } from "@bernard/protocol";
import { errorCode, UserError } from "@bernard/tools";
import { type FailureKind, HypervisorError } from "../errors.ts";
import { QmpClosedError, QmpCommandError, QmpDeadlineError } from "./errors.ts";

/** QEMU's error classes say next to nothing; its words do. What is not here is `failed`. */
const MEANINGS: readonly (readonly [words: RegExp, kind: FailureKind])[] = [
  [/Resetting the Virtual Machine is required/, "wrong-state"],
  [/does not provide NMIs|no console to take a screendump|no surface/, "unsupported"],
  [/dump in process/, "busy"],
];

/**
 * What to throw for an error of our QMP client; anything else, such as a signal's reason, stays what it is.
 * @param what was tried, and on which guest
 */
export function hypervisorError(what: string, error: unknown): unknown {
  if (error instanceof QmpCommandError) {
    const words = error.errorClass === "CommandNotFound" ? "this QEMU is too old for it" : error.description;
    return new HypervisorError(kindOf(error), printable(`${what}: ${words}`), { cause: error });
  }
  if (error instanceof QmpClosedError) {
    const hint = "see whether its process has ended";
    return new HypervisorError("unreachable", printable(`${what}: its monitor is closed`), { hint, cause: error });
  }
  if (error instanceof QmpDeadlineError) return noAnswer(what, error);
  if (!(error instanceof Error) || errorCode(error) === undefined || error instanceof UserError) return error;
  return new HypervisorError("failed", printable(`${what}: ${error.message}`), { cause: error });
}

export function noAnswer(what: string, cause?: unknown): HypervisorError {
  const hint = "its storage may be stuck, or another program holds its monitor: one QMP socket serves one client";
  return new HypervisorError("no-answer", printable(`${what}: its QEMU does not answer`), { hint, cause });
}

function kindOf({ errorClass, description }: QmpCommandError): FailureKind {
  if (errorClass === "CommandNotFound") return "unsupported";
  return MEANINGS.find(([words]) => words.test(description))?.[1] ?? "failed";
}
