/** What can go wrong with libvirt: one class per failure, each with a stable `code` and a hint. */
import { errorCode, UserError } from "@bernard/tools";

/** libvirt's codes that somebody may act on (virErrorNumber), and what its reader can do about them. */
const REFUSALS = {
  internalError: [1, "libvirt's own log tells more"],
  noSupport: [3, "this libvirt, or this kind of hypervisor, cannot do it"],
  invalidArgument: [8, undefined],
  operationFailed: [9, "libvirt's own log and the guest's log tell more"],
  xmlError: [27, "check the XML; virt-xml-validate names the line"],
  operationDenied: [29, "this connection may only read; open one that may write"],
  systemError: [38, undefined],
  rpc: [39, "this libvirt is older than the call, or its daemon is going down"],
  noDomain: [42, "the guest is gone, or was renamed; list the guests again"],
  authFailed: [45, "join the group libvirt, or let polkit's action org.libvirt.unix.manage allow it"],
  operationInvalid: [55, "the guest is not in the state that this needs; look at its state"],
  configUnsupported: [67, "this libvirt, or its QEMU, cannot have a guest like that"],
  operationTimeout: [68, "another job holds the guest, or its QEMU does not answer; try again, or look at its storage"],
  noStream: [73, undefined],
  argumentUnsupported: [74, "this libvirt, or this kind of hypervisor, does not take that argument"],
  operationAborted: [78, undefined],
  authCancelled: [79, "nobody was there to answer polkit; join the group libvirt"],
  noMetadata: [80, undefined],
  operationUnsupported: [84, "this libvirt, or this guest's devices, cannot do it"],
  agentUnresponsive: [86, "qemu-guest-agent does not answer in the guest; is it installed and running?"],
  accessDenied: [88, "a rule of polkit's denies it to this user; see libvirt's page on access control"],
  authUnavailable: [94, "polkit has no agent to ask; join the group libvirt"],
} as const satisfies Readonly<Record<string, readonly [number, string | undefined]>>;

export type RefusalName = keyof typeof REFUSALS;

export const refusals: readonly RefusalName[] = Object.keys(REFUSALS) as RefusalName[];

/** libvirt's number of a refusal. */
export const refusalCode = (name: RefusalName): number => REFUSALS[name][0];

/** The parts of libvirt that name themselves in errors, by number (virErrorDomain). */
const DOMAINS: Readonly<Record<number, string>> = {
  5: "xml",
  6: "dom",
  7: "rpc",
  9: "conf",
  10: "qemu",
  12: "test",
  13: "remote",
  18: "storage",
  19: "network",
  20: "domain",
  24: "security",
  31: "cpu",
  38: "streams",
  40: "event",
  42: "locking",
  45: "uri",
  46: "auth",
  49: "device",
  55: "access",
  60: "polkit",
  61: "thread",
};

export interface Refusal {
  /** virErrorNumber */
  readonly code: number;
  /** virErrorDomain */
  readonly domain: number;
  readonly message: string;
}

/** libvirt refused or failed a call; `errorCode`, `domain` and `description` are its own. */
export class LibvirtRefusedError extends UserError {
  readonly code = "LIBVIRT_REFUSED";
  readonly errorCode: number;
  /** The code in a word, where we know it. */
  readonly refusal: RefusalName | undefined;
  /** Which part of libvirt: `qemu`, `rpc`..., or `part 99`. */
  readonly domain: string;
  readonly description: string;

  constructor(call: string, { code, domain, message }: Refusal) {
    const refusal = refusals.find((name) => REFUSALS[name][0] === code);
    const denied = refusal !== undefined && /denied|auth/i.test(refusal);
    const hint = refusal === undefined ? undefined : REFUSALS[refusal][1];
    super(`libvirt refused ${call}: ${message}`, hint, denied ? 3 : 1);
    this.errorCode = code;
    this.refusal = refusal;
    this.domain = DOMAINS[domain] ?? `part ${domain}`;
    this.description = message;
  }
}

/** Whether libvirt refused for that reason. */
export function isRefusal(error: unknown, name: RefusalName): error is LibvirtRefusedError {
  return error instanceof LibvirtRefusedError && error.refusal === name;
}

/** Nothing came in time. What was asked for may have had its effect, or have it later. */
export class LibvirtDeadlineError extends UserError {
  readonly code = "LIBVIRT_DEADLINE";

  constructor(awaited: string, deadlineMs: number) {
    const hint =
      "libvirtd, or the guest's QEMU on its storage, may hang; see systemctl status libvirtd, and virsh domcontrol";
    super(`no ${awaited} from libvirt within ${deadlineMs / 1000} s`, hint, 3);
  }
}

/** The connection has ended; what was under way on it has no known outcome. */
export class LibvirtClosedError extends UserError {
  readonly code = "LIBVIRT_CLOSED";

  constructor(why: string, cause?: Error) {
    super(
      `the connection to libvirt is closed: ${why}`,
      "its daemon may have stopped; see systemctl status libvirtd",
      3,
    );
    this.cause = cause;
  }
}

/** What came is no libvirt, or not one that keeps its protocol. */
export class LibvirtProtocolError extends UserError {
  readonly code = "LIBVIRT_PROTOCOL";

  constructor(what: string, cause?: Error) {
    super(`libvirt's protocol is broken: ${what}`, "is that socket libvirt's?", 3);
    this.cause = cause;
  }
}

/** There is nobody to speak to, or we may not. */
export class LibvirtConnectError extends UserError {
  readonly code = "LIBVIRT_CONNECT";

  /** Whether somebody is there who does not let us in. */
  get denied(): boolean {
    return ["EACCES", "EPERM"].includes(errorCode(this.cause) ?? "");
  }

  constructor(what: string, hint: string, cause?: Error) {
    super(what, hint, 3);
    this.cause = cause;
  }
}

/** A stream brought more than its caller takes. */
export class LibvirtStreamLimitError extends UserError {
  readonly code = "LIBVIRT_STREAM_LIMIT";

  constructor(call: string, maxBytes: number) {
    super(`${call} brought more than ${maxBytes} bytes`, "allow more, or read it as a stream");
  }
}

/** A URI that names no hypervisor that we can reach. */
export class LibvirtUriError extends UserError {
  readonly code = "LIBVIRT_URI";

  constructor(uri: string, what: string) {
    super(`${uri}: ${what}`, "use a URI such as qemu:///system or qemu+ssh://HOST/system", 2);
  }
}
