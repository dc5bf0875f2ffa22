/** Runs a script on QEMU and on our model side by side and compares every value read and everything seen. */
import { ITCO_CONTROL } from "../src/bus.ts";
import { BAR0_ADDRESS, Model } from "../vectors/model.ts";
import { formatScript, type PassStep, type ReadStep, type Sign, type Step, type WriteStep } from "../vectors/script.ts";
import type { Emulator } from "./emulator.ts";

/** Where the i6300esb sits, and the chipset with the iTCO, in the language of port 0xcf8. */
const I6300ESB = 4 << 11;
const CHIPSET = 0x1f << 11;
const CONFIG_ADDRESS = 0xcf8;
const CONFIG_DATA = 0xcfc;
/** No reset does this. The timer must be empty before it is not halted, or it would begin. */
const ITCO_POWER_ON = [
  "outw 0x672 0",
  "outw 0x668 0",
  "outw 0x660 0",
  "outb 0x662 0",
  "outb 0x663 0",
  "outw 0x664 0",
  "outw 0x666 0",
  "outw 0x66a 8",
  "outb 0x66c 0",
  "outb 0x66d 0",
  "outb 0x66e 0",
  "outb 0x670 3",
  "outw 0x672 4",
];
const ITCO_CNT1 = 0x668;
/** Storage of the configuration that scripts write to; emptied before each. */
const STORAGE = { from: 0x40, to: 0x100 } as const;

/** Nanoseconds by which QEMU's clock may be read too low: the HPET's tick. */
export const CLOCK_ERROR = 10n;

/** How often a step of time is made longer to wait for something that QEMU is late with. */
const PATIENCE = 200;

/** A device that goes around faster than this (ns) has gone around nobody knows how often when a step of time ends. */
const UNCOUNTABLE = 1_000_000_000n;

/** QEMU and the model differ. */
export class Mismatch extends Error {
  constructor(what: string, done: readonly Step[]) {
    super(`${what}\nas a vector, with what QEMU does:\n  ["", ${JSON.stringify(formatScript(done))}]`);
    this.name = "Mismatch";
  }
}

const SIZES: Readonly<Record<number, string>> = { 8: "b", 16: "w", 32: "l", 64: "q" };

export class Lockstep {
  /** Values compared, and signs, so far. */
  reads = 0;
  signs = 0;
  readonly #qemu: Emulator;
  readonly #newModel: () => Model;
  #model: Model;
  /** QEMU's time at the model's zero. */
  #zero = 0n;
  #done: Step[] = [];
  #batch: { readonly step: Step; readonly commands: string[]; readonly expected: bigint | undefined }[] = [];

  constructor(qemu: Emulator, newModel: () => Model = () => new Model(qemu.compat)) {
    this.#qemu = qemu;
    this.#newModel = newModel;
    this.#model = newModel();
  }

  /** @param longest nanoseconds to which a step of time is cut */
  async run(steps: readonly Step[], longest: bigint): Promise<void> {
    await this.#begin();
    for (const step of steps) {
      if (step.kind === "pass") await this.#pass({ ...step, ns: step.ns < longest ? step.ns : longest });
      else if (step.kind === "reset") await this.#reset(step);
      else this.#access(step);
    }
    await this.#flush();
  }

  /** Power-on: a reset, and what no reset clears. The iTCO's lock cannot be cleared at all, so the model has it then too. */
  async #begin(): Promise<void> {
    await this.#qemu.access([...decode(), ...ITCO_POWER_ON]);
    await this.#qemu.reset();
    const commands = decode();
    for (let offset: number = STORAGE.from; offset < STORAGE.to; offset += 4)
      commands.push(...config(I6300ESB, "outl", offset, 0));
    for (const value of [0x80, 0x86, 0x1200]) commands.push(`writew ${BAR0_ADDRESS + 0xc} ${value}`);
    await this.#qemu.access(commands);
    this.#qemu.signs();
    this.#zero = await this.#qemu.time();
    this.#model = this.#newModel();
    await this.#copyLock();
    this.#done = [];
    this.#batch = [];
  }

  async #copyLock(): Promise<void> {
    const [control1] = (await this.#qemu.access([`inw ${ITCO_CNT1}`])) as [bigint];
    const state = this.#model.itco.state();
    this.#model.itco.restore({ ...state, registers: { ...state.registers, control1: Number(control1) } });
  }

  #access(step: ReadStep | WriteStep): void {
    const expected = step.kind === "read" ? this.#model.read(step) : undefined;
    if (step.kind === "write") this.#model.write(step);
    this.#batch.push({ step, commands: commandsFor(step), expected });
  }

  async #flush(): Promise<void> {
    const batch = this.#batch;
    this.#batch = [];
    const answers = await this.#qemu.access(batch.flatMap(({ commands }) => commands));
    let at = 0;
    for (const { step, commands, expected } of batch) {
      at += commands.length;
      if (step.kind !== "read") {
        this.#done.push(step);
        continue;
      }
      const value = answers[at - 1]!;
      this.#done.push({ ...step, value });
      this.reads++;
      if (value !== expected) throw new Mismatch(`the model reads 0x${expected!.toString(16)}`, this.#done);
    }
  }

  async #reset(step: Step): Promise<void> {
    await this.#flush();
    await this.#qemu.reset();
    await this.#qemu.access(decode());
    this.#model.reset();
    this.#done.push(step);
  }

  async #pass(step: PassStep): Promise<void> {
    await this.#flush();
    if (this.#goesAround()) return;
    const began = this.#model.clock.now;
    const modelSigns: Sign[] = [];
    const qemuSigns: Sign[] = [];
    await this.#qemu.pass(step.ns);
    for (let tries = 0; ; tries++) {
      const now = this.#qemu.exact ? began + step.ns : (await this.#qemu.time()) - this.#zero;
      modelSigns.push(...this.#model.pass(now - this.#model.clock.now));
      qemuSigns.push(...this.#qemu.signs());
      const same = this.#qemu.exact
        ? `${modelSigns}` === `${qemuSigns}`
        : `${modelSigns.toSorted()}` === `${qemuSigns.toSorted()}`;
      if (same) break;
      const early = qemuSigns.length > modelSigns.length && !this.#isDue();
      if (this.#qemu.exact || early || tries === PATIENCE) {
        const done = [...this.#done, { ...step, ns: now - began, signs: qemuSigns }];
        throw new Mismatch(`the model shows: ${modelSigns.join(" ") || "nothing"}`, done);
      }
      await this.#qemu.pass(0n);
    }
    this.signs += qemuSigns.length;
    this.#done.push({ ...step, ns: this.#model.clock.now - began, signs: qemuSigns });
  }

  /** Whether the model would show more within the clock's error. */
  #isDue(): boolean {
    const next = this.#model.timeline.next;
    return next !== undefined && next <= this.#model.timeline.now + CLOCK_ERROR;
  }

  /** Runs out at once, and would again. */
  #itcoGoesAround(): boolean {
    const { deadline, spinning, control, registers } = this.#model.itco.state();
    const [empty, noReboot] = [(registers.timer & 0x3ff) === 0, (control & 0x20) !== 0];
    return spinning || (deadline !== undefined && empty && noReboot);
  }

  #goesAround(): boolean {
    if (this.#itcoGoesAround()) return true;
    const { enabled, freeRun, outputOn, fast, preload1, preload2, deadline, spinning } = this.#model.i6300esb.state();
    if (spinning) return true;
    const around = BigInt(preload1 + preload2) * (fast ? 960n : 983_040n);
    return enabled && freeRun && !outputOn && deadline !== undefined && around < UNCOUNTABLE;
  }
}

function config(device: number, access: string, offset: number, value?: number | bigint): string[] {
  const address = 0x8000_0000 + device + (offset & 0xfc);
  const data = `${access} ${CONFIG_DATA + (offset & 3)}`;
  return [`outl ${CONFIG_ADDRESS} ${address}`, value === undefined ? data : `${data} ${value}`];
}

/** Puts everything where firmware puts it. */
function decode(): string[] {
  return [
    ...config(I6300ESB, "outl", 0x10, BAR0_ADDRESS),
    ...config(I6300ESB, "outw", 0x04, 2),
    ...config(CHIPSET, "outl", 0x40, 0x601), // PMBASE
    ...config(CHIPSET, "outb", 0x44, 0x80), // ACPI_CNTL: PMBASE is decoded
    ...config(CHIPSET, "outl", 0xf0, 0xfed1_c001), // RCBA
  ];
}

function commandsFor(step: ReadStep | WriteStep): string[] {
  const size = SIZES[step.bits]!;
  const value = step.kind === "write" ? step.value : undefined;
  const port = `${step.kind === "write" ? "out" : "in"}${size}`;
  if (step.space === "cfg") return config(I6300ESB, port, step.offset, value);
  const [access, address] =
    step.space === "io"
      ? [port, step.offset]
      : [`${step.kind}${size}`, (step.space === "gcs" ? ITCO_CONTROL : BAR0_ADDRESS) + step.offset];
  return [`${access} ${address}${value === undefined ? "" : ` ${value}`}`];
}
