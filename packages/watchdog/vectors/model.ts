/** Our devices on one bus, driven by the steps of a script. */
import { ITCO_CONTROL } from "../src/bus.ts";
import {
  Bus,
  type BusWidth,
  I6300esb,
  type I6300esbOptions,
  Ib700,
  Itco,
  Timeline,
  VirtualClock,
  type Width,
} from "../src/index.ts";
import type { ReadStep, Sign, Step, WriteStep } from "./script.ts";

/** Where BAR0 is put: free in every PC's memory. */
export const BAR0_ADDRESS = 0xe000_0000;

export class Model {
  readonly timeline = new Timeline();
  readonly clock = new VirtualClock(this.timeline);
  readonly i6300esb: I6300esb;
  readonly ib700: Ib700;
  readonly itco: Itco;
  readonly bus: Bus;
  /** All that has been seen so far, and when. */
  readonly signs: { readonly sign: Sign; readonly at: bigint }[] = [];

  constructor(compat: NonNullable<I6300esbOptions["compat"]>) {
    const see = (sign: Sign) => this.signs.push({ sign, at: this.clock.now });
    this.i6300esb = new I6300esb(this.clock, { fire: () => see("fire"), interrupt: see }, { compat });
    this.ib700 = new Ib700(this.clock, { fire: () => see("fire") });
    this.itco = new Itco(this.clock, { fire: () => see("fire") });
    this.bus = new Bus({ i6300esb: this.i6300esb, ib700: this.ib700, itco: this.itco });
    this.#enableMemory();
  }

  write({ space, bits, offset, value }: WriteStep): void {
    const width = bits / 8;
    if (space === "mem") this.bus.writeMemory(BAR0_ADDRESS + offset, width as BusWidth, value);
    if (space === "gcs") this.bus.writeMemory(ITCO_CONTROL + offset, width as BusWidth, value);
    if (space === "cfg") this.bus.writeConfig(offset, width as Width, Number(value));
    if (space === "io") this.bus.writePort(offset, width as Width, Number(value));
  }

  read({ space, bits, offset }: ReadStep): bigint {
    const width = bits / 8;
    if (space === "mem") return this.bus.readMemory(BAR0_ADDRESS + offset, width as BusWidth);
    if (space === "gcs") return this.bus.readMemory(ITCO_CONTROL + offset, width as BusWidth);
    return BigInt(
      space === "cfg" ? this.bus.readConfig(offset, width as Width) : this.bus.readPort(offset, width as Width),
    );
  }

  /** @returns what is seen meanwhile */
  pass(ns: bigint): Sign[] {
    const from = this.signs.length;
    this.timeline.runUntil(this.timeline.now + ns);
    return this.signs.slice(from).map(({ sign }) => sign);
  }

  reset(): void {
    this.i6300esb.reset();
    this.ib700.reset();
    this.itco.reset();
    this.#enableMemory();
  }

  /** The steps as they turn out: with the values read, and the signs seen. */
  run(steps: readonly Step[]): Step[] {
    return steps.map((step) => {
      if (step.kind === "read") return { ...step, value: this.read(step) };
      if (step.kind === "pass") return { ...step, signs: this.pass(step.ns) };
      if (step.kind === "write") this.write(step);
      else this.reset();
      return step;
    });
  }

  #enableMemory(): void {
    this.bus.writeConfig(0x10, 4, BAR0_ADDRESS);
    this.bus.writeConfig(0x04, 2, 0x0002);
  }
}
