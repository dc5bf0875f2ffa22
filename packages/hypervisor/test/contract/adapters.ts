/**
 * The adapters that the contract is held against, each with a world of its own: real hypervisors, real guests. To add one is
 * to add an entry.
 */
import type { Scope } from "@bernard/tools";
import type { Ability, Hypervisor } from "../../src/hypervisor.ts";
import type { OpenOptions } from "../../src/open-hypervisor.ts";
import { libvirtQemu, libvirtTest } from "./libvirt-worlds.ts";
import { qemuSockets } from "./qemu-world.ts";

export interface BootOptions {
  readonly name?: string;
  /** What its watchdog device does when it fires, by its definition: `none` where nothing is said. */
  readonly action?: "none" | "reset" | "pause";
}

export interface World {
  /** A folder that emulators can write to. */
  readonly dir: string;
  open(options?: OpenOptions): Promise<Hypervisor>;
  /**
   * Makes a guest with the tiny kernel (tiny-kernel.ts), an ib700, a disk, a screen, a serial console and the channel
   * org.bernard.guest.0, that is paused before its first instruction. It goes with `t`.
   */
  boot(t: Scope, options?: BootOptions): Promise<{ readonly name: string }>;
  /** Ends a guest behind the adapter's back, with all that is known of it. */
  remove(name: string): Promise<void>;
  /** The process id of a guest's emulator. */
  emulator(name: string): Promise<number>;
  /** Ends what tells the adapter of its guests, as a crash does; the guests go on. Resolves to how it is started again. */
  lose(): Promise<() => Promise<void>>;
}

/** What a row may lack: an ability, or what no ability speaks of. */
export type Need =
  | Ability
  /** Its guests are real: they run code, count, are made of hardware, and have an emulator. */
  | "real"
  /** It can lose the connection that tells it of all its guests. */
  | "lose"
  /** It keeps definitions of guests that are off. */
  | "definitions";

export interface AdapterRow {
  readonly name: string;
  readonly lacks: readonly Need[];
  /** It goes when all stories of the adapter are over. */
  start(scope: Scope): Promise<World>;
}

export const adapters: readonly AdapterRow[] = [
  { name: "libvirt with QEMU", lacks: [], start: libvirtQemu },
  {
    name: "libvirt's own test:///default",
    lacks: ["set-action", "dump", "console", "channel", "agent", "fire-mark", "real"],
    start: libvirtTest,
  },
  { name: "QEMU's monitors in a folder", lacks: ["start", "lose", "definitions"], start: qemuSockets },
];
