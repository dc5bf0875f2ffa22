/** What libvirt refuses, and what goes wrong on the way to it, as the failures that every adapter tells. */
import { printable } from "@bernard/protocol";
import { UserError } from "@bernard/tools";
import { type FailureKind, HypervisorError } from "../errors.ts";
import { QmpCommandError } from "../qemu/errors.ts";
import {
  LibvirtClosedError,
  LibvirtConnectError,
  LibvirtDeadlineError,
  LibvirtProtocolError,
  LibvirtRefusedError,
  LibvirtStreamLimitError,
  type RefusalName,
} from "./errors.ts";
import { XdrError } from "./xdr.ts";

/** The refusals that mean one thing wherever they come from; every other is `failed`. */
const KINDS: Meanings = {
  noDomain: "gone",
  operationInvalid: "wrong-state",
  noSupport: "unsupported",
  operationUnsupported: "unsupported",
  argumentUnsupported: "unsupported",
  configUnsupported: "unsupported",
  rpc: "unsupported",
  operationDenied: "denied",
  authFailed: "denied",
  authCancelled: "denied",
  authUnavailable: "denied",
  accessDenied: "denied",
  operationTimeout: "no-answer",
  agentUnresponsive: "no-answer",
};

/** What refusals mean. */
export type Meanings = Readonly<Partial<Record<RefusalName, FailureKind>>>;

/**
 * What to throw for an error of our client of libvirt; anything else, such as a signal's reason, stays what it is.
 * @param what was tried, and on which guest
 * @param meanings of this one call, where libvirt's code alone does not tell
 */
export function hypervisorError(what: string, error: unknown, meanings: Meanings = {}): unknown {
  const kind = kindOf(error, meanings);
  if (kind === undefined || !(error instanceof Error)) return error;
  const hint = error instanceof UserError ? error.hint : undefined;
  const why =
    error instanceof LibvirtRefusedError
      ? error.description
      : error.message.slice(0, hint === undefined ? undefined : -`; ${hint}`.length);
  return new HypervisorError(kind, printable(`${what}: ${why}`), { ...(hint && { hint }), cause: error });
}

function kindOf(error: unknown, meanings: Meanings): FailureKind | undefined {
  if (error instanceof LibvirtRefusedError) {
    const { refusal } = error;
    return (refusal && (meanings[refusal] ?? KINDS[refusal])) ?? "failed";
  }
  if (error instanceof LibvirtDeadlineError) return "no-answer";
  if (error instanceof LibvirtConnectError) return error.denied ? "denied" : "unreachable";
  if (error instanceof LibvirtClosedError || error instanceof LibvirtProtocolError) return "unreachable";
  const failed = [LibvirtStreamLimitError, QmpCommandError, XdrError].some((failure) => error instanceof failure);
  return failed ? "failed" : undefined;
}
