/**
 * The i6300esb: the watchdog of Intel's 6300ESB I/O controller hub as QEMU emulates it, register by register.
 *
 * Two stages count down, one after the other. Feeding is to restart the first; where the second ends, the device fires. To write
 * what matters, a guest must first unlock the device, for one write, by writing 0x80 and 0x86 to RELOAD.
 *
 * Where QEMU and Intel's document differ, this is QEMU: no interrupt is ever raised, and a device that has fired is off.
 *
 * Intel 6300ESB I/O Controller Hub Datasheet (300641-004), chapter 16; docs/devices.md.
 *
 *     const timeline = new Timeline();
 *     const device = new I6300esb(new VirtualClock(timeline), { fire: () => console.log("fired") });
 *     device.writeConfig(0x68, 1, 0x02); // LOCK: enable, with the preloads of power-on
 *     timeline.runUntil(2_061_582_336_000n); // fired
 */
import { AccessError, checkAccess, type Width } from "./access.ts";
import { CONFIG_SIZE, PciConfigSpace } from "./pci-config-space.ts";
import { StateError } from "./state-error.ts";
import type { Timer, VirtualClock } from "./virtual-clock.ts";

const IDENTITY = {
  vendor: 0x8086,
  device: 0x25ab,
  class: 0x0880, // system peripheral, other
  subsystemVendor: 0x1af4,
  subsystem: 0x1100,
  barSize: 0x10,
};

// In configuration space. Any other width or offset reaches plain storage.
const CONFIG = 0x60; // RW, 16 bits
const LOCK = 0x68; // RW until locked, 8 bits

const CONFIG_INTERRUPT_TYPE = 0x03;
const CONFIG_INTERRUPT_TYPE_BEFORE_10_2 = 0x11; // a mistake of QEMU's, harmless as no interrupt is raised
const CONFIG_FAST = 0x04; // 1 MHz rather than 1 kHz
const CONFIG_OUTPUT_OFF = 0x20;

const LOCK_LOCKED = 0x01;
const LOCK_ENABLED = 0x02;
const LOCK_FREE_RUN = 0x04;

// Behind BAR0.
const TIMER1 = 0x00; // WO, 32 bits, unlocked
const TIMER2 = 0x04; // WO, 32 bits, unlocked
// 0x08 is GINTSR, the interrupt status, which QEMU does not have
const RELOAD = 0x0c; // unlock: WO, any width; ping, flag: RW, 16 bits, unlocked
const MEMORY_SIZE = IDENTITY.barSize;

const UNLOCK_FIRST = 0x80;
const UNLOCK_SECOND = 0x86;
const RELOAD_PING = 0x0100;
const RELOAD_FIRED = 0x0200;
const RELOAD_FIRED_AS_LINUX_HAD_IT = 0x1000; // an old driver cleared this bit instead

const PRELOAD_MASK = 0xf_ffff;
/** Of one tick of a preload: so many PCI cycles of 30 ns. */
const SLOW_TICK_NS = 30n << 15n;
const FAST_TICK_NS = 30n << 5n;

const INTERRUPT_IRQ = 0;
const INTERRUPT_SMI = 2;

export interface I6300esbEvents {
  /** The second stage has ended with the output on; the device resets itself when this returns. */
  fire(): void;
  /** The first stage has ended, where QEMU says which interrupt it would raise if it could. */
  interrupt?(type: "irq" | "smi"): void;
  /** A write that has no effect, and one to a device that is locked. */
  ignored?(): void;
}

export interface I6300esbOptions {
  /** Whose bits CONFIG keeps: QEMU up to 10.1, or from 10.2 on. */
  readonly compat?: "before-10.2" | "10.2";
  /** A device that must be fed from power-on, as hardware watchdogs are: the time, in nanoseconds, until it fires unfed. */
  readonly armedAtReset?: bigint;
}

export interface I6300esbState {
  readonly device: "i6300esb";
  readonly version: 1;
  /** All 256 bytes. */
  readonly config: Uint8Array;
  readonly outputOn: boolean;
  readonly fast: boolean;
  readonly interruptType: number;
  readonly freeRun: boolean;
  readonly locked: boolean;
  readonly enabled: boolean;
  readonly preload1: number;
  readonly preload2: number;
  readonly stage: 1 | 2;
  readonly unlock: 0 | 1 | 2;
  /** Has fired since a guest last cleared this; survives a reset. */
  readonly fired: boolean;
  readonly spinning: boolean;
  /** When the stage ends, in nanoseconds of the guest's clock. */
  readonly deadline: bigint | undefined;
}

export class I6300esb {
  readonly #clock: VirtualClock;
  readonly #events: I6300esbEvents;
  readonly #options: I6300esbOptions;
  readonly #interruptMask: number;
  readonly #timer: Timer;
  readonly #config = new PciConfigSpace(IDENTITY);
  #removed = false;

  #outputOn = true;
  #fast = false;
  #interruptType = INTERRUPT_IRQ;
  #freeRun = false;
  #locked = false;
  #enabled = false;
  #preload1 = PRELOAD_MASK;
  #preload2 = PRELOAD_MASK;
  #stage: 1 | 2 = 1;
  /** How many of the two unlocking writes have been made. */
  #unlock: 0 | 1 | 2 = 0;
  #fired = false;
  /** Runs freely around two empty stages: QEMU goes on doing so for ever, the model waits until a stage is not empty. */
  #spinning = false;

  constructor(clock: VirtualClock, events: I6300esbEvents, options: I6300esbOptions = {}) {
    this.#clock = clock;
    this.#events = events;
    this.#options = options;
    this.#interruptMask = options.compat === "before-10.2" ? CONFIG_INTERRUPT_TYPE_BEFORE_10_2 : CONFIG_INTERRUPT_TYPE;
    this.#timer = clock.timer(() => this.#expire());
    this.reset();
  }

  /** Where the bus finds the memory registers; undefined while the guest has them off. */
  get bar0(): number | undefined {
    return this.#removed ? undefined : this.#config.bar0;
  }

  /** @param value unsigned, of that width */
  writeConfig(offset: number, width: Width, value: number): void {
    this.#refuseIfRemoved();
    switch (offset * 8 + width) {
      case CONFIG * 8 + 2:
        this.#outputOn = (value & CONFIG_OUTPUT_OFF) === 0;
        this.#fast = (value & CONFIG_FAST) !== 0;
        this.#interruptType = value & this.#interruptMask;
        this.#goOnFromSpinning();
        break;
      case LOCK * 8 + 1:
        this.#writeLock(value);
        break;
      default: // of any other width too: what such a write leaves is seen by such a read only
        this.#config.write(offset, width, value);
    }
  }

  readConfig(offset: number, width: Width): number {
    this.#refuseIfRemoved();
    switch (offset * 8 + width) {
      case CONFIG * 8 + 2:
        return (this.#outputOn ? 0 : CONFIG_OUTPUT_OFF) | (this.#fast ? CONFIG_FAST : 0) | this.#interruptType;
      case LOCK * 8 + 1:
        return (
          (this.#freeRun ? LOCK_FREE_RUN : 0) | (this.#enabled ? LOCK_ENABLED : 0) | (this.#locked ? LOCK_LOCKED : 0)
        );
      default:
        return this.#config.read(offset, width);
    }
  }

  /** @param value unsigned, of that width */
  writeMemory(offset: number, width: Width, value: number): void {
    checkAccess("write to the i6300esb's memory", MEMORY_SIZE, offset, width);
    this.#refuseIfRemoved();
    if (offset === RELOAD && value === UNLOCK_FIRST) this.#unlock = 1;
    else if (offset === RELOAD && value === UNLOCK_SECOND && this.#unlock === 1) this.#unlock = 2;
    else if (this.#unlock !== 2 || width === 1) this.#ignore();
    else {
      this.#unlock = 0; // one write, whether it means anything or not
      this.#writeUnlocked(offset, width, value);
    }
  }

  /** Neither a preload nor what is left of a stage can be read, only whether the device has fired. */
  readMemory(offset: number, width: Width): number {
    checkAccess("read of the i6300esb's memory", MEMORY_SIZE, offset, width);
    this.#refuseIfRemoved();
    return offset === RELOAD && width === 2 && this.#fired ? RELOAD_FIRED | RELOAD_FIRED_AS_LINUX_HAD_IT : 0;
  }

  /** The machine's reset. Whether it has fired is for the next boot to read, and stays. */
  reset(): void {
    this.#config.reset();
    this.#resetWatchdog();
  }

  get removed(): boolean {
    return this.#removed;
  }

  /** Unplugged: nothing of it is decoded any more, and it never fires. */
  remove(): void {
    this.#removed = true;
    this.#clock.forget(this.#timer);
  }

  state(): I6300esbState {
    return {
      device: "i6300esb",
      version: 1,
      config: this.#config.bytes(),
      outputOn: this.#outputOn,
      fast: this.#fast,
      interruptType: this.#interruptType,
      freeRun: this.#freeRun,
      locked: this.#locked,
      enabled: this.#enabled,
      preload1: this.#preload1,
      preload2: this.#preload2,
      stage: this.#stage,
      unlock: this.#unlock,
      fired: this.#fired,
      spinning: this.#spinning,
      deadline: this.#timer.deadline,
    };
  }

  /** Goes on from a saved state, on a clock that has been restored already. */
  restore(state: I6300esbState): void {
    checkState(state);
    this.#config.restore(state.config);
    this.#outputOn = state.outputOn;
    this.#fast = state.fast;
    this.#interruptType = state.interruptType;
    this.#freeRun = state.freeRun;
    this.#locked = state.locked;
    this.#enabled = state.enabled;
    this.#preload1 = state.preload1;
    this.#preload2 = state.preload2;
    this.#stage = state.stage;
    this.#unlock = state.unlock;
    this.#fired = state.fired;
    this.#spinning = state.spinning;
    if (state.deadline === undefined) this.#timer.stop();
    else this.#timer.start(state.deadline);
  }

  #writeLock(value: number): void {
    if (this.#locked) {
      this.#ignore();
      return;
    }
    const wasEnabled = this.#enabled;
    this.#locked = (value & LOCK_LOCKED) !== 0;
    this.#enabled = (value & LOCK_ENABLED) !== 0;
    this.#freeRun = (value & LOCK_FREE_RUN) !== 0;
    if (!this.#freeRun || !this.#enabled) this.#spinning = false;
    if (!this.#enabled) this.#timer.stop();
    else if (!wasEnabled) this.#start(1);
  }

  #writeUnlocked(offset: number, width: Width, value: number): void {
    switch (offset * 8 + width) {
      case TIMER1 * 8 + 4:
        this.#preload1 = value & PRELOAD_MASK;
        this.#goOnFromSpinning();
        break;
      case TIMER2 * 8 + 4:
        this.#preload2 = value & PRELOAD_MASK;
        this.#goOnFromSpinning();
        break;
      case RELOAD * 8 + 2:
        if ((value & RELOAD_PING) !== 0 && this.#enabled) this.#start(1);
        if ((value & (RELOAD_FIRED | RELOAD_FIRED_AS_LINUX_HAD_IT)) !== 0) this.#fired = false;
        break;
      default: // the right register in the wrong width, or GINTSR
        this.#ignore();
    }
  }

  /** Preloads and scale count from here on; what changes while a stage runs is for the next. */
  #start(stage: 1 | 2): void {
    this.#stage = stage;
    this.#spinning = false;
    const preload = stage === 1 ? this.#preload1 : this.#preload2;
    this.#timer.start(this.#clock.now + BigInt(preload) * (this.#fast ? FAST_TICK_NS : SLOW_TICK_NS));
  }

  #expire(): void {
    if (this.#stage === 1) {
      if (this.#interruptType === INTERRUPT_IRQ) this.#events.interrupt?.("irq");
      if (this.#interruptType === INTERRUPT_SMI) this.#events.interrupt?.("smi");
      this.#start(2);
    } else if (this.#outputOn) {
      this.#fired = true;
      this.#events.fire();
      this.#resetWatchdog(); // whatever the action was: a guest that lives on is unprotected
    } else if (this.#freeRun) {
      if (this.#preload1 === 0 && this.#preload2 === 0) this.#spinning = true;
      else this.#start(1);
    } // or else it is dead though LOCK says enabled, until the next ping
  }

  #goOnFromSpinning(): void {
    if (this.#spinning) this.#start(1);
  }

  #resetWatchdog(): void {
    this.#timer.stop();
    this.#spinning = false;
    this.#outputOn = true;
    this.#fast = false;
    this.#interruptType = INTERRUPT_IRQ;
    this.#freeRun = false;
    this.#locked = false;
    this.#enabled = false;
    this.#preload1 = PRELOAD_MASK;
    this.#preload2 = PRELOAD_MASK;
    this.#stage = 1;
    this.#unlock = 0;
    if (this.#options.armedAtReset !== undefined && !this.#removed) this.#arm(this.#options.armedAtReset);
  }

  /** Both stages together take the time that was asked for, or a tick more. */
  #arm(time: bigint): void {
    const ticks = (time + SLOW_TICK_NS - 1n) / SLOW_TICK_NS;
    this.#preload1 = Number(ticks / 2n);
    this.#preload2 = Number(ticks - ticks / 2n);
    this.#enabled = true;
    this.#start(1);
  }

  #refuseIfRemoved(): void {
    if (this.#removed) throw new AccessError("access to the i6300esb", "it has been removed");
  }

  #ignore(): void {
    this.#events.ignored?.();
  }
}

function checkState(state: I6300esbState): void {
  if (state.device !== "i6300esb") throw new StateError("i6300esb", `is one of ${state.device}`);
  if (state.version !== 1) throw new StateError("i6300esb", `has version ${state.version}, known is 1`);
  if (state.config.length !== CONFIG_SIZE) {
    throw new StateError("i6300esb", `holds ${state.config.length} bytes of configuration, not ${CONFIG_SIZE}`);
  }
}
