/**
 * The ib700: the watchdog of a single-board computer of iBASE's, two ports on the ISA bus, as QEMU emulates it. One stage, no
 * status, no memory of having fired, and nothing tells a guest that it is there.
 *
 *     const timeline = new Timeline();
 *     const device = new Ib700(new VirtualClock(timeline), { fire: () => console.log("fired") });
 *     device.write(0x443, 1, 0x0e); // two seconds
 *     timeline.runUntil(2_000_000_000n); // fired
 */
import { AccessError } from "./access.ts";
import { StateError } from "./state-error.ts";
import type { Timer, VirtualClock } from "./virtual-clock.ts";

// QEMU decodes two ports for each register.
const DISABLE = 0x441; // and 0x442: WO, 8 bits, any value
const ENABLE = 0x443; // and 0x444: WO, 8 bits, the code of the time
const PORTS_EACH = 2;

const CODE_MASK = 0x0f;
const LONGEST_S = 30;
const S = 1_000_000_000n;

export interface Ib700Events {
  /** The time is up; the device is off when this returns. */
  fire(): void;
}

export interface Ib700Options {
  /** A device that must be fed from power-on, as hardware watchdogs are: the time, in nanoseconds, until it fires unfed. */
  readonly armedAtReset?: bigint;
}

export interface Ib700State {
  readonly device: "ib700";
  readonly version: 1;
  /** When it fires, in nanoseconds of the guest's clock. */
  readonly deadline: bigint | undefined;
}

export class Ib700 {
  readonly #clock: VirtualClock;
  readonly #options: Ib700Options;
  readonly #timer: Timer;

  constructor(clock: VirtualClock, events: Ib700Events, options: Ib700Options = {}) {
    this.#clock = clock;
    this.#options = options;
    this.#timer = clock.timer(() => events.fire());
    this.reset();
  }

  /** A word's high byte goes to the next port, if that belongs to the same register. */
  write(port: number, width: 1 | 2, value: number): void {
    const register = checkPort(port, width);
    this.#writeByte(register, value);
    if (width === 2 && port === register) this.#writeByte(register, value >> 8);
  }

  /** There is nothing to read: the bus floats. */
  read(port: number, width: 1 | 2): number {
    checkPort(port, width);
    return width === 1 ? 0xff : 0xffff;
  }

  reset(): void {
    this.#timer.stop();
    if (this.#options.armedAtReset !== undefined) this.#timer.start(this.#clock.now + this.#options.armedAtReset);
  }

  state(): Ib700State {
    return { device: "ib700", version: 1, deadline: this.#timer.deadline };
  }

  /** Goes on from a saved state, on a clock that has been restored already. */
  restore(state: Ib700State): void {
    if (state.device !== "ib700") throw new StateError("ib700", `is one of ${state.device}`);
    if (state.version !== 1) throw new StateError("ib700", `has version ${state.version}, known is 1`);
    if (state.deadline === undefined) this.#timer.stop();
    else this.#timer.start(state.deadline);
  }

  #writeByte(register: number, value: number): void {
    if (register === ENABLE) this.#timer.start(this.#clock.now + secondsOf(value) * S);
    else this.#timer.stop();
  }
}

/** The register that the port belongs to, by its first port. */
function checkPort(port: number, width: number): number {
  if (width !== 1 && width !== 2) throw new AccessError(`access of ${width} bytes`, "the ib700 takes 1 or 2");
  if (port === DISABLE || port === DISABLE + 1) return DISABLE;
  if (port === ENABLE || port === ENABLE + 1) return ENABLE;
  const ports = `0x${DISABLE.toString(16)} to 0x${(ENABLE + PORTS_EACH - 1).toString(16)}`;
  throw new AccessError(`access to port 0x${port.toString(16)}`, `the ib700's ports are ${ports}`);
}

/** 0 -> 30, 1 -> 28, ... 0xe -> 2, 0xf -> 0: at once. */
function secondsOf(value: number): bigint {
  return BigInt(LONGEST_S - 2 * (value & CODE_MASK));
}
