/**
 * Everything that Bernard sees and does on a host goes through this interface; each folder beside this file is an adapter.
 * Every member takes a deadline and keeps it, whatever another guest's emulator does, and rejects with a HypervisorError.
 * What comes from a guest (names, consoles, channels, screens) is untrusted.
 */
import type { Duplex } from "node:stream";
import type { WatchdogAction, WatchdogModel } from "@bernard/policy";

export interface CallOptions {
  /** Milliseconds from now until it is given up: 10 s where nothing is said. What was asked for may happen all the same. */
  readonly deadlineMs?: number | undefined;
  /** Gives it up when it is aborted; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** libvirt's words, as `virsh domstate` prints them without spaces. */
export type GuestState = "running" | "paused" | "shutdown" | "shutoff" | "crashed" | "pmsuspended" | "unknown";

/** Which guest, and which life of it. */
export interface GuestId {
  /** Its UUID, lower case with dashes: the same for as long as the guest exists, on every host. */
  readonly uuid: string;
  /** As its host calls it; may be 220 characters of any alphabet. */
  readonly name: string;
  /**
   * Another at each start of its emulator (not at a reset); undefined while it is off. Of no meaning on another host. A
   * libvirtd that is restarted while no guest runs counts from the beginning.
   */
  readonly run: string | undefined;
}

/** A guest as it was at one moment. */
export interface Guest extends GuestId {
  readonly state: GuestState;
  /**
   * Why it is in that state, in libvirt's words: `watchdog`, `ioerror`, `user`, `migration`, `panicked`..., `unknown` where
   * the hypervisor does not say.
   */
  readonly reason: string;
}

/** What can be done to a guest. */
export type GuestAction =
  /** Its processors stand, and with them its virtual clock: no watchdog device fires. */
  | "pause"
  | "resume"
  /** As by the button of a board. A paused guest stays paused. Resolves once the hypervisor has taken it. */
  | "reset"
  /** The power button: the guest may not obey. */
  | "shutdown"
  /** Ends the emulator. Resolves once it is gone. */
  | "poweroff"
  | "start"
  /** A non-maskable interrupt to every processor: a kernel told so panics, and may dump itself. */
  | "inject-nmi";

export interface Watchdog {
  /** A model that we do not know is told as the hypervisor spells it. */
  readonly model: WatchdogModel | (string & {});
  /**
   * `implicit`: part of the machine, as iTCO is of q35. `outside`: put in behind libvirt's back (`qemu:commandline`), which
   * crashes libvirtd 9.0.0 when it fires in a guest without `<watchdog>`.
   */
  readonly origin: "declared" | "implicit" | "outside";
}

export interface Channel {
  /** Of the virtio-serial port, such as `org.qemu.guest_agent.0`. */
  readonly name: string;
  /** Whether a program in the guest has it open; undefined where the hypervisor does not say. */
  readonly open: boolean | undefined;
}

/** What owns a guest: it defines the guest, may do so again at any time, and may restart it by its own rules. */
export interface Owner {
  readonly name: "nova" | "ovirt" | "kubevirt" | "pacemaker" | "proxmox";
  /** How it is known, for people: "its XML has metadata of http://openstack.org/xmlns/libvirt/nova/1.1". */
  readonly mark: string;
}

/** What a guest is made of, as far as its rescue goes. */
export interface Hardware {
  /** `x86_64`, `i686`, `aarch64`, `s390x`... */
  readonly architecture: string;
  /** The machine's type in full: `pc-i440fx-7.2`, `pc-q35-8.2`, `virt-7.2`. */
  readonly machine: string;
  readonly watchdogs: readonly Watchdog[];
  /** What happens when any of them fires; undefined where there is none, or nobody can know. */
  readonly action: WatchdogAction | undefined;
  readonly channels: readonly Channel[];
  /** Whether the host keeps in a file what the first serial port says; undefined where the hypervisor does not say. */
  readonly consoleLogged: boolean | undefined;
  /** libosinfo's id of the guest's system, where its maker left it: `http://debian.org/debian/12`. */
  readonly os: string | undefined;
  readonly owner: Owner | undefined;
}

/** Counts since the emulator started; a difference of two readings of one `run` tells whether the guest still does anything. */
export interface Counters {
  /** All block devices together. */
  readonly disk: {
    readonly reads: number;
    readonly writes: number;
    readonly readBytes: number;
    readonly writtenBytes: number;
  };
  /** All network cards together, as the guest sees them; undefined where the hypervisor does not count. */
  readonly network: { readonly receivedBytes: number; readonly sentBytes: number } | undefined;
  readonly processors: {
    readonly count: number;
    /** Seconds that they ran, together. */
    readonly ranS: number;
    /** Seconds that they were ready and waited for a processor of the host, together: a starved host. Undefined: not told. */
    readonly waitedS: number | undefined;
  };
}

export interface Screenshot {
  readonly type: "image/png" | "image/x-portable-pixmap";
  readonly image: Buffer;
}

/** What a watch tells. Of one guest, in the order in which the hypervisor told it. */
export type HypervisorEvent =
  /**
   * Everything from now on is heard. `guests` are all there are; after a loss, `missed` has told what changed, and tells a moment later
   * what the hypervisor did not know itself yet.
   */
  | {
      readonly type: "connected";
      readonly guests: readonly Guest[];
      /** Kinds of events that this hypervisor never tells. */
      readonly deafTo: readonly string[];
    }
  /** Nothing is heard for now, of one guest or of all; the next try is in `retryMs`. */
  | { readonly type: "disconnected"; readonly error: Error; readonly retryMs: number }
  /** A guest changed while nothing was heard; without `before` it is new, without `after` gone. */
  | { readonly type: "missed"; readonly before: Guest | undefined; readonly after: Guest | undefined }
  /** `change` and `detail` in libvirt's words: `suspended watchdog`, `stopped failed`, `crashed panicked`. `guest` is after it. */
  | { readonly type: "lifecycle"; readonly guest: Guest; readonly change: string; readonly detail: string }
  /** Its watchdog device has reached zero. libvirt tells `dump` as `pause`; within 1 s two fires may be told as one. */
  | { readonly type: "fire"; readonly guest: GuestId; readonly action: WatchdogAction | "debug" | "unknown" }
  /** It was reset, or restarted itself. One reset may be told several times, and up to 1 s before the fire that caused it. */
  | { readonly type: "reset"; readonly guest: GuestId }
  | {
      readonly type: "storage-error";
      readonly guest: GuestId;
      /** The image and the device, as far as the hypervisor names them. */
      readonly image: string | undefined;
      readonly device: string | undefined;
      /** `pause`: the guest stands now, and its virtual clock with it. */
      readonly action: "none" | "pause" | "report" | "unknown";
      /** `enospc`, or empty. */
      readonly reason: string;
    }
  /** Its emulator's monitor is lost while the emulator may run on. */
  | { readonly type: "monitor-lost"; readonly guest: GuestId }
  /** A program in the guest has opened or closed a channel. libvirt tells it of `org.qemu.guest_agent.0` alone. */
  | { readonly type: "channel"; readonly guest: GuestId; readonly name: string; readonly open: boolean }
  | {
      readonly type: "memory-failure";
      readonly guest: GuestId;
      readonly recipient: string;
      readonly action: string;
    }
  | { readonly type: "device-removed"; readonly guest: GuestId; readonly device: string }
  | { readonly type: "device-removal-failed"; readonly guest: GuestId; readonly device: string }
  | { readonly type: "metadata"; readonly guest: GuestId; readonly uri: string | undefined };

/** What not every hypervisor, or not every connection, can do; a call that is not there rejects as `unsupported`. */
export type Ability =
  | "act"
  | "start"
  | "set-action"
  | "screenshot"
  | "dump"
  | "console"
  | "channel"
  | "agent"
  | "fire-mark";

/** A question to qemu-guest-agent; see its reference, https://qemu.readthedocs.io/en/latest/interop/qemu-ga-ref.html. */
export interface AgentCommand {
  /** `guest-get-osinfo`... */
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
}

export interface Hypervisor {
  /** For people: `libvirt at qemu:///system`, `QEMU's monitors in /run/qmp`. */
  readonly title: string;
  /** What this connection may do; one that only reads has none. */
  readonly abilities: ReadonlySet<Ability>;

  /** Every guest, running or not as far as the hypervisor knows those that do not. One that answers nothing is `unknown`. */
  guests(options?: CallOptions): Promise<Guest[]>;

  /**
   * The one guest of that name or UUID.
   * @throws HypervisorError `gone`
   */
  guest(nameOrUuid: string, options?: CallOptions): Promise<Guest>;

  /** Calls `listener` at each event, through every loss of the connection, until it is closed. Resolves after the first `connected`. */
  watch(listener: (event: HypervisorEvent) => void, options?: CallOptions): Promise<{ close(): void }>;

  /**
   * @param when `now`: as it runs; for one that is off, as it would start. `next-start`: as it is defined.
   * @throws HypervisorError `gone`, also at `next-start` for a guest that nobody keeps a definition of
   */
  hardware(guest: GuestId, when: "now" | "next-start", options?: CallOptions): Promise<Hardware>;

  /** Counts of a guest that is not off. */
  counters(guest: GuestId, options?: CallOptions): Promise<Counters>;

  /**
   * A `start` and a `poweroff` may take 60 s where nothing is said: an emulator on stuck storage is asked to end before it is killed.
   * @throws HypervisorError `wrong-state` where the guest's state forbids it
   */
  act(guest: GuestId, action: GuestAction, options?: CallOptions): Promise<void>;

  /**
   * Sets what happens when a watchdog device fires, until the emulator ends; the guest's definition keeps its own. Nothing
   * can ask for it afterwards, and a migration forgets it.
   */
  setWatchdogAction(guest: GuestId, action: Exclude<WatchdogAction, "dump">, options?: CallOptions): Promise<void>;

  /** The guest's first screen, paused or not; at most `maxBytes` (128 MiB). */
  screenshot(guest: GuestId, options?: CallOptions & { readonly maxBytes?: number }): Promise<Screenshot>;

  /**
   * Writes the guest's memory as an ELF core to `file`, a path on the guest's host that nothing stands at yet; the emulator's or libvirt's user
   * owns it. The guest stands meanwhile, and is as before afterwards. By default 10 min; a dump that is given up leaves a part.
   */
  dumpMemory(guest: GuestId, file: string, options?: CallOptions): Promise<void>;

  /** The first serial console, both ways. Read it, or it blocks its writer in the guest, and may fail at 1 MiB that waits. @throws HypervisorError `busy` where somebody has it */
  console(guest: GuestId, options?: CallOptions): Promise<Duplex>;

  /** The host's end of a channel, both ways; one that is not read may fail at 1 MiB that waits. @throws HypervisorError `busy` where somebody has it, `unsupported` where the guest has no such channel */
  channel(guest: GuestId, name: string, options?: CallOptions): Promise<Duplex>;

  /**
   * Asks qemu-guest-agent in the guest; what it returns is untrusted.
   * @throws HypervisorError `unsupported` where the guest has no such agent, `no-answer` where it has one that is silent, `failed` where it refuses
   */
  agent(guest: GuestId, command: AgentCommand, options?: CallOptions): Promise<unknown>;

  /**
   * Whether the guest's i6300esb bears the mark of a fire, which lasts until a driver is loaded for it: unless somebody has armed it
   * again since, it is dead. Undefined where there is none, or it cannot be read. Changes nothing in the guest; libvirt marks
   * a guest whose monitor was used as tainted.
   */
  fireMark(guest: GuestId, options?: CallOptions): Promise<boolean | undefined>;

  /** Of the libvirt behind it, such as `9.0.0`; undefined where there is none. */
  libvirtVersion(options?: CallOptions): Promise<string | undefined>;

  /** Hangs up; what is under way rejects, watches and streams end. Guests go on. */
  close(): void;
}
