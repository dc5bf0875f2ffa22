/** What is known about one guest's protection: all that a finding may look at. */
import type { Guest, Hardware } from "@bernard/hypervisor";

/** What came over org.bernard.guest.0 while we listened. */
export type Heard =
  /** Nobody listened: there is no such channel, or the guest does not run. */
  | { readonly state: "unasked" }
  /** This connection may not listen. */
  | { readonly state: "forbidden" }
  /** Somebody else listens, as Bernard's host daemon does. */
  | { readonly state: "taken" }
  /** No program in the guest has it open; or nobody tells, and nothing was said in time. */
  | { readonly state: "closed" }
  /** A program in the guest has it open, and said nothing in time. */
  | { readonly state: "silent" }
  /** `feeds`: keep-alive writes that the device has taken, in this life of bernard-guest. */
  | { readonly state: "beat"; readonly feeds: number };

/** A watchdog device that the guest's kernel drives. */
export interface Driven {
  /** As its driver calls it: `i6300ESB timer`. */
  readonly identity: string;
  /** Armed, as far as the driver knows: it does not notice a fire. */
  readonly active: boolean;
  /** Seconds; undefined where the driver does not say. */
  readonly timeoutS: number | undefined;
}

/** What qemu-guest-agent told. */
export interface Inside {
  /** The kernel's release: `6.1.0-28-cloud-amd64`. */
  readonly kernel: string | undefined;
  /** The system's `ID` and `VERSION_ID` of os-release(5): `debian 12`. */
  readonly system: string | undefined;
  /** Those of hardware, not of the kernel's own timer; undefined where the agent may not read files. */
  readonly devices: readonly Driven[] | undefined;
  /** Whether a crash kernel is loaded; undefined where nobody told. */
  readonly crashKernel: boolean | undefined;
}

export interface Facts {
  readonly guest: Guest;
  /** As it runs, or for one that is off, as it would start; an error says why nobody knows. */
  readonly hardware: Hardware | Error;
  /** As it would start; undefined where nobody keeps a definition of it. */
  readonly nextStart: Hardware | undefined;
  /** Version of libvirt; undefined where there is none. */
  readonly libvirt: string | undefined;
  readonly heard: Heard;
  /** Undefined where no agent answered. */
  readonly inside: Inside | undefined;
  /** Whether its i6300esb bears the mark of a fire; undefined where it was not asked, or cannot be read. */
  readonly fireMark: boolean | undefined;
}
