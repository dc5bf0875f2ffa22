/**
 * The iTCO: the timer in the TCO ("total cost of ownership") logic of Intel's ICH9, as QEMU's q35 has it built in.
 *
 * One timer counts down and begins again by itself. Feeding is to begin it anew; where it has run out twice since, the device fires,
 * if two things let it: the bit NO_REBOOT, which a guest must clear, and the strap of the same name, which is the host's to leave off.
 *
 * Where QEMU and Intel's document differ, this is QEMU: the machine's reset changes nothing here but NO_REBOOT. A timer that runs,
 * runs on through the reset.
 *
 * Intel I/O Controller Hub 9 Datasheet (316972), 13.9 and 10.1.75; docs/devices.md.
 *
 *     const timeline = new Timeline();
 *     const device = new Itco(new VirtualClock(timeline), { fire: () => console.log("fired") });
 *     device.writeControl(0, 4, 0); // NO_REBOOT off
 *     device.write(0x00, 2, 1); // RLD: begins, with the 4 ticks of power-on
 *     timeline.runUntil(4_800_000_000n); // fired
 */
import { AccessError, checkAccess, type Width } from "./access.ts";
import { StateError } from "./state-error.ts";
import type { Timer, VirtualClock } from "./virtual-clock.ts";

// Each is reached at its first byte only; of a register of 16 bits, a write of 8 clears the upper ones.
const RLD = 0x00; // RW, 16 bits
const DAT_IN = 0x02; // RW, 8 bits
const DAT_OUT = 0x03; // RW, 8 bits
const STS1 = 0x04; // RW, 16 bits
const STS2 = 0x06; // RW, 16 bits
const CNT1 = 0x08; // RW, 16 bits
const CNT2 = 0x0a; // RW, 16 bits
const MESSAGE1 = 0x0c; // RW, 8 bits
const MESSAGE2 = 0x0d; // RW, 8 bits
const WDCNT = 0x0e; // RW, 8 bits
const SW_IRQ_GEN = 0x10; // RW, 8 bits
const TMR = 0x12; // RW, 16 bits
const SIZE = 0x20;

const COUNT_MASK = 0x3ff; // of RLD and TMR
const STS1_DATA_IN = 0x0002;
const STS1_DATA_OUT = 0x0004;
const STS1_TIMEOUT = 0x0008;
const STS1_KEPT = 0xe870; // by a write; the others are cleared
const STS2_FIRED = 0x0006; // bit 1 "second timeout", bit 2 "boot"
const STS2_KEPT = 0xfff8;
const CNT1_HALT = 0x0800;
const CNT1_LOCK = 0x1000; // stays once it is set
const CNT1_KEPT = 0xfeff;

// GCS, of the chipset's own registers in memory.
const CONTROL_SIZE = 4;
const CONTROL_NO_REBOOT = 0x20;

const TICK_NS = 600_000_000n;
/** A timer with less is not begun. */
const LEAST_TICKS = 2;
const EXPIRIES_TO_FIRE = 2;

export interface ItcoEvents {
  /** The timer has run out twice; it stands when this returns, and the next feed begins it. */
  fire(): void;
  /** An access to a place where there is no register. */
  ignored?(): void;
}

export interface ItcoOptions {
  /** The strap, QEMU's `ICH9-LPC.noreboot`: it never fires. On in machine types before pc-q35-8.0. */
  readonly noReboot?: boolean;
}

/** The registers by their names, each as it would be read; of RLD what was last written or loaded. */
export interface ItcoRegisters {
  readonly rld: number;
  readonly dataIn: number;
  readonly dataOut: number;
  readonly status1: number;
  readonly status2: number;
  readonly control1: number;
  readonly control2: number;
  readonly message1: number;
  readonly message2: number;
  readonly wdcnt: number;
  readonly softwareInterrupt: number;
  readonly timer: number;
}

export interface ItcoState {
  readonly device: "itco";
  readonly version: 1;
  readonly registers: ItcoRegisters;
  /** GCS. */
  readonly control: number;
  /** How often the timer has run out since it was last fed. */
  readonly expiries: number;
  readonly spinning: boolean;
  /** When the timer runs out, in nanoseconds of the guest's clock. */
  readonly deadline: bigint | undefined;
}

const POWER_ON: ItcoRegisters = {
  rld: 0,
  dataIn: 0,
  dataOut: 0,
  status1: 0,
  status2: 0,
  control1: 0,
  control2: 0x0008,
  message1: 0,
  message2: 0,
  wdcnt: 0,
  softwareInterrupt: 0x03,
  timer: 4,
};

export class Itco {
  readonly #clock: VirtualClock;
  readonly #events: ItcoEvents;
  readonly #options: ItcoOptions;
  readonly #timer: Timer;

  #registers: { -readonly [name in keyof ItcoRegisters]: number } = { ...POWER_ON };
  #control = CONTROL_NO_REBOOT;
  #expiries = 0;
  /** Runs out at once, again and again, and does not fire: QEMU goes on doing so for ever, the model waits until one of these ends. */
  #spinning = false;

  constructor(clock: VirtualClock, events: ItcoEvents, options: ItcoOptions = {}) {
    this.#clock = clock;
    this.#events = events;
    this.#options = options;
    this.#timer = clock.timer(() => this.#expire());
  }

  /** @param value unsigned, of that width */
  write(offset: number, width: 1 | 2, value: number): void {
    checkPort("write to the itco", offset, width);
    const registers = this.#registers;
    switch (offset) {
      case RLD:
        this.#expiries = 0;
        if (this.#mayBegin) this.#begin();
        else registers.rld = value;
        break;
      case DAT_IN:
        registers.dataIn = value & 0xff;
        registers.status1 |= STS1_DATA_IN;
        break;
      case DAT_OUT:
        registers.dataOut = value & 0xff;
        registers.status1 |= STS1_DATA_OUT;
        break;
      case STS1:
        registers.status1 = value & STS1_KEPT;
        break;
      case STS2:
        registers.status2 = value & STS2_KEPT;
        break;
      case CNT1:
        registers.control1 = (value & CNT1_KEPT) | (registers.control1 & CNT1_LOCK);
        if (this.#mayBegin)
          this.#begin(); // but expiries count on: only a feed forgets them
        else this.#stop();
        break;
      case CNT2:
        registers.control2 = value;
        break;
      case MESSAGE1:
        registers.message1 = value & 0xff;
        break;
      case MESSAGE2:
        registers.message2 = value & 0xff;
        break;
      case WDCNT:
        registers.wdcnt = value & 0xff;
        break;
      case SW_IRQ_GEN:
        registers.softwareInterrupt = value & 0xff;
        break;
      case TMR:
        registers.timer = value; // for the next time that it begins
        this.#goOnFromSpinning();
        break;
      default: // a register's second byte, or none
        this.#events.ignored?.();
    }
  }

  read(offset: number, width: 1 | 2): number {
    checkPort("read of the itco", offset, width);
    return this.#readWord(offset) & (width === 1 ? 0xff : 0xffff);
  }

  /** GCS, the four bytes at 0x3410 of the chipset's registers. @param value unsigned, of that width */
  writeControl(offset: number, width: Width, value: number): void {
    checkAccess("write to GCS", CONTROL_SIZE, offset, width);
    const mask = (2 ** (8 * width) - 1) << (8 * offset);
    this.#control = ((this.#control & ~mask) | (value << (8 * offset))) >>> 0;
    this.#goOnFromSpinning();
  }

  readControl(offset: number, width: Width): number {
    checkAccess("read of GCS", CONTROL_SIZE, offset, width);
    return ((this.#control >>> (8 * offset)) & (2 ** (8 * width) - 1)) >>> 0;
  }

  /** The machine's reset. Nothing else of it knows of that: a timer that runs, runs on. */
  reset(): void {
    this.#control = CONTROL_NO_REBOOT;
  }

  state(): ItcoState {
    return {
      device: "itco",
      version: 1,
      registers: { ...this.#registers },
      control: this.#control,
      expiries: this.#expiries,
      spinning: this.#spinning,
      deadline: this.#timer.deadline,
    };
  }

  /** Goes on from a saved state, on a clock that has been restored already. */
  restore(state: ItcoState): void {
    if (state.device !== "itco") throw new StateError("itco", `is one of ${state.device}`);
    if (state.version !== 1) throw new StateError("itco", `has version ${state.version}, known is 1`);
    this.#registers = { ...state.registers };
    this.#control = state.control;
    this.#expiries = state.expiries;
    this.#spinning = state.spinning;
    if (state.deadline === undefined) this.#timer.stop();
    else this.#timer.start(state.deadline);
  }

  get #mayBegin(): boolean {
    return (this.#registers.control1 & CNT1_HALT) === 0 && this.#registers.timer >= LEAST_TICKS;
  }

  get #mayFire(): boolean {
    return !this.#options.noReboot && (this.#control & CONTROL_NO_REBOOT) === 0;
  }

  #readWord(offset: number): number {
    const registers = this.#registers;
    switch (offset) {
      case RLD:
        return this.#remaining();
      case DAT_IN:
        return registers.dataIn;
      case DAT_OUT:
        return registers.dataOut;
      case STS1:
        return registers.status1;
      case STS2:
        return registers.status2;
      case CNT1:
        return registers.control1;
      case CNT2:
        return registers.control2;
      case MESSAGE1:
        return registers.message1;
      case MESSAGE2:
        return registers.message2;
      case WDCNT:
        return registers.wdcnt;
      case SW_IRQ_GEN:
        return registers.softwareInterrupt;
      case TMR:
        return registers.timer;
      default:
        this.#events.ignored?.();
        return 0;
    }
  }

  /** Whole ticks until the timer next runs out, below what RLD holds beside its count. */
  #remaining(): number {
    const { rld } = this.#registers;
    if (this.#timer.deadline === undefined) return rld;
    return Number((this.#timer.deadline - this.#clock.now) / TICK_NS) | (rld & ~COUNT_MASK);
  }

  #begin(): void {
    this.#spinning = false;
    this.#registers.rld = this.#registers.timer;
    this.#timer.start(this.#clock.now + BigInt(this.#registers.timer & COUNT_MASK) * TICK_NS);
  }

  #stop(): void {
    this.#spinning = false;
    this.#timer.stop();
  }

  #expire(): void {
    const registers = this.#registers;
    registers.rld = 0;
    registers.status1 |= STS1_TIMEOUT;
    this.#expiries++;
    if (this.#expiries === EXPIRIES_TO_FIRE) {
      registers.status2 |= STS2_FIRED;
      this.#expiries = 0;
      if (this.#mayFire) {
        this.#events.fire();
        this.#stop();
        return;
      }
    }
    const empty = (registers.timer & COUNT_MASK) === 0;
    if (empty && this.#expiries === 0) {
      registers.rld = registers.timer;
      this.#spinning = true;
    } else this.#begin();
  }

  #goOnFromSpinning(): void {
    if (this.#spinning) this.#begin();
  }
}

function checkPort(what: string, offset: number, width: number): void {
  if (width === 4) throw new AccessError(`${what} of 4 bytes at 0x${offset.toString(16)}`, "the widths are 1 and 2");
  checkAccess(what, SIZE, offset, width);
}
