/**
 * A second reading of the specification, as literal and slow as can be, that shares no line with src/: every sequence must come
 * out the same on both. The unlocking is a regular expression over all that was ever written.
 */
import type { ReadStep, Sign, Step, WriteStep } from "../vectors/script.ts";

type Compat = "before-10.2" | "10.2";

/** `A` 0x80, `B` 0x86 as a byte, `C` 0x86 wider, all at RELOAD; `x` any other byte, `y` anything else that is wider. */
const UNLOCKED = /A[xy]*[BC][Bx]*$/;

/** Of the iTCO's bytes: which registers have one, and which two. */
const BYTES = [2, 3, 12, 13, 14, 16];
const WORDS = [0, 4, 6, 8, 10, 18];
const TCO_AT_FIRST = new Map([
  [10, 8],
  [16, 3],
  [18, 4],
]);

const POWER_ON = { cfg: 0, lock: 0, preload: [0xfffff, 0xfffff] as [number, number] };
const BASE = 0xe000_0000;

/** Bytes of the configuration that hold something at power-on. */
const HEADER: readonly (readonly [number, readonly number[]])[] = [
  [0x00, [0x86, 0x80, 0xab, 0x25]],
  [0x0a, [0x80, 0x08]],
  [0x2c, [0xf4, 0x1a, 0x00, 0x11]],
];

/** Bits of the header that can be written, byte by byte. */
const WRITABLE: Readonly<Record<number, number>> = {
  4: 0x07,
  5: 0x05,
  12: 0xff,
  16: 0xf0,
  17: 0xff,
  18: 0xff,
  19: 0xff,
  60: 0xff,
};

export class NaiveModel {
  readonly #types: number;
  #now = 0n;
  #written = "";
  #registers = { ...POWER_ON };
  #flag = false;
  /** Of two that end together, the one that began first ends first. */
  #begun = 0;
  #stage: { readonly number: 1 | 2; readonly end: bigint; readonly begun: number } | undefined;
  #spins = false;
  #isa: { readonly end: bigint; readonly begun: number } | undefined;
  readonly #bytes: number[] = Array(256).fill(0);
  readonly #tco = new Map(TCO_AT_FIRST);
  readonly #gcs = [0x20, 0, 0, 0];
  #tcoRounds = 0;
  #tcoSpins = false;
  #tcoTimer: { readonly end: bigint; readonly begun: number } | undefined;

  constructor(compat: Compat) {
    this.#types = compat === "10.2" ? 0b00_0011 : 0b01_0001;
    for (const [at, values] of HEADER) for (const [i, value] of values.entries()) this.#bytes[at + i] = value;
    this.#enableMemory();
  }

  run(steps: readonly Step[]): Step[] {
    return steps.map((step) => {
      if (step.kind === "write") this.#write(step);
      if (step.kind === "reset") this.#reset();
      if (step.kind === "read") return { ...step, value: this.#read(step) };
      if (step.kind === "pass") return { ...step, signs: this.#pass(step.ns) };
      return step;
    });
  }

  #write(step: WriteStep): void {
    if (step.space === "io") {
      this.#writePort(step.offset, step.bits, Number(step.value));
      for (const [port, size, at] of cut(step.offset, step.bits / 8, 2)) {
        const value = Number((step.value >> BigInt(8 * at)) & ((1n << BigInt(8 * size)) - 1n));
        if (port >= 0x660 && port < 0x680) this.#writeTco(port - 0x660, value);
      }
      return;
    }
    if (step.space === "gcs") {
      for (let i = 0; i < step.bits / 8; i++) this.#gcs[step.offset + i] = Number((step.value >> BigInt(8 * i)) & 255n);
      if (this.#tcoSpins) this.#beginTco();
      return;
    }
    for (const [offset, size, at] of cut(step.offset, step.bits / 8)) {
      const value = Number((step.value >> BigInt(8 * at)) & ((1n << BigInt(8 * size)) - 1n));
      if (step.space === "mem") this.#writeMemory(BASE + offset - this.#base(), size, value);
      else if (Math.floor(offset / 4) === Math.floor(step.offset / 4)) this.#writeConfig(offset, size, value);
    }
  }

  #read(step: ReadStep): bigint {
    let result = 0n;
    if (step.space === "gcs") {
      for (let i = step.bits / 8 - 1; i >= 0; i--) result = result * 256n + BigInt(this.#gcs[step.offset + i]!);
      return result;
    }
    if (step.space === "io") {
      for (const [port, size, at] of cut(step.offset, step.bits / 8, 2)) {
        const known = port >= 0x660 && port < 0x680;
        const value = known ? this.#readTco(port - 0x660) % 256 ** size : 256 ** size - 1;
        result += BigInt(value) << BigInt(8 * at);
      }
      return result;
    }
    for (const [offset, size, at] of cut(step.offset, step.bits / 8)) {
      let value = 0;
      if (step.space === "mem") {
        if (BASE + offset - this.#base() === 12 && size === 2 && this.#flag) value = 0x1200;
      } else if (Math.floor(offset / 4) !== Math.floor(step.offset / 4)) value = 256 ** size - 1;
      else if (offset === 0x60 && size === 2) value = this.#registers.cfg;
      else if (offset === 0x68 && size === 1) value = this.#registers.lock;
      else for (let i = size - 1; i >= 0; i--) value = value * 256 + this.#bytes[offset + i]!;
      result += BigInt(value) << BigInt(8 * at);
    }
    return result;
  }

  #base(): number {
    const base = [19, 18, 17, 16].reduce((sum, at) => sum * 256 + this.#bytes[at]!, 0);
    const answers = (this.#bytes[4]! & 2) === 2 && base !== 0 && base !== 0xffff_fff0;
    return answers ? base : Number.NaN;
  }

  #writeConfig(offset: number, size: number, value: number): void {
    if (offset === 0x60 && size === 2) {
      this.#registers.cfg = value & (0x24 | this.#types);
      this.#wake();
    } else if (offset === 0x68 && size === 1) {
      const before = this.#registers.lock;
      if ((before & 1) === 1) return;
      this.#registers.lock = value & 7;
      if ((value & 6) !== 6) this.#spins = false;
      if ((value & 2) === 0) this.#stage = undefined;
      else if ((before & 2) === 0) this.#begin(1);
    } else {
      for (let i = 0; i < size; i++) {
        const mask = offset + i >= 64 ? 255 : (WRITABLE[offset + i] ?? 0);
        const byte = Math.floor(value / 256 ** i) & 255;
        this.#bytes[offset + i] = (this.#bytes[offset + i]! & (255 - mask)) + (byte & mask);
      }
    }
  }

  #writeMemory(offset: number, size: number, value: number): void {
    if (!(offset >= 0 && offset < 16)) return;
    const unlocked = UNLOCKED.test(this.#written);
    const reload = offset === 12;
    if (reload && value === 0x80) this.#written += "A";
    else if (reload && value === 0x86) this.#written += size === 1 ? "B" : "C";
    else this.#written += size === 1 ? "x" : "y";
    if (!unlocked || size === 1 || (reload && value === 0x80)) return;
    if (size === 4 && offset < 8) {
      const preload: [number, number] = [...this.#registers.preload];
      preload[offset / 4] = value % 0x10_0000;
      this.#registers.preload = preload;
      this.#wake();
    }
    if (size === 2 && reload) {
      if ((value & 0x100) > 0 && (this.#registers.lock & 2) > 0) this.#begin(1);
      if ((value & 0x1200) > 0) this.#flag = false;
    }
  }

  #writePort(port: number, bits: number, value: number): void {
    const bytes = bits === 8 ? [value] : bits === 16 ? [value & 255, value >> 8] : [];
    if (port < 0x441 || port > 0x444) return;
    for (const [i, byte] of bytes.entries()) {
      const inEnable = port + i === 0x443 || port + i === 0x444;
      if (i === 1 && (port === 0x442 || port === 0x444)) return;
      const end = this.#now + BigInt(30 - 2 * (byte % 16)) * 10n ** 9n;
      this.#isa = inEnable ? { end, begun: this.#begun++ } : undefined;
    }
  }

  #writeTco(at: number, value: number): void {
    const of = (offset: number) => this.#tco.get(offset) ?? 0;
    if (BYTES.includes(at)) this.#tco.set(at, value % 256);
    if (at === 2 || at === 3) this.#tco.set(4, of(4) | (at === 2 ? 2 : 4));
    if (at === 4) this.#tco.set(4, value & 0xe870);
    if (at === 6) this.#tco.set(6, value & 0xfff8);
    if (at === 8) this.#tco.set(8, (value & 0xfeff) | (of(8) & 0x1000));
    if (at === 10 || at === 18) this.#tco.set(at, value);
    if (at === 0) this.#tcoRounds = 0;
    const begins = of(18) > 1 && (of(8) & 0x800) === 0;
    if (at === 0 && !begins) this.#tco.set(0, value);
    if (at === 8 && !begins) {
      this.#tcoTimer = undefined;
      this.#tcoSpins = false;
    }
    if ((begins && (at === 0 || at === 8)) || (at === 18 && this.#tcoSpins)) this.#beginTco();
  }

  #readTco(at: number): number {
    if (at === 0 && this.#tcoTimer !== undefined) {
      const ticks = (this.#tcoTimer.end - this.#now) / 600_000_000n;
      return Math.floor((this.#tco.get(0) ?? 0) / 1024) * 1024 + Number(ticks);
    }
    return BYTES.includes(at) || WORDS.includes(at) ? (this.#tco.get(at) ?? 0) : 0;
  }

  #beginTco(): void {
    const timer = this.#tco.get(18) ?? 0;
    this.#tco.set(0, timer);
    this.#tcoSpins = false;
    this.#tcoTimer = { end: this.#now + BigInt(timer % 1024) * 600_000_000n, begun: this.#begun++ };
  }

  #endTco(): Sign[] {
    this.#tcoTimer = undefined;
    this.#tco.set(0, 0);
    this.#tco.set(4, (this.#tco.get(4) ?? 0) | 8);
    this.#tcoRounds++;
    if (this.#tcoRounds === 2) {
      this.#tco.set(6, (this.#tco.get(6) ?? 0) | 6);
      this.#tcoRounds = 0;
      if ((this.#gcs[0]! & 0x20) === 0) return ["fire"];
      if ((this.#tco.get(18) ?? 0) % 1024 === 0) {
        this.#tco.set(0, this.#tco.get(18) ?? 0);
        this.#tcoSpins = true;
        return [];
      }
    }
    this.#beginTco();
    return [];
  }

  #begin(number: 1 | 2): void {
    const tick = (this.#registers.cfg & 4) > 0 ? 960n : 983_040n;
    this.#stage = {
      number,
      end: this.#now + BigInt(this.#registers.preload[number - 1]!) * tick,
      begun: this.#begun++,
    };
    this.#spins = false;
  }

  #wake(): void {
    if (this.#spins) this.#begin(1);
  }

  #pass(ns: bigint): Sign[] {
    const end = this.#now + ns;
    const signs: Sign[] = [];
    for (;;) {
      const ends = [
        { timer: this.#isa, ended: () => this.#endIsa() },
        { timer: this.#stage, ended: () => this.#endStage() },
        { timer: this.#tcoTimer, ended: () => this.#endTco() },
      ];
      const due = ends.filter(({ timer }) => timer !== undefined && timer.end <= end);
      due.sort((a, b) => Number(a.timer!.end - b.timer!.end) || a.timer!.begun - b.timer!.begun);
      const next = due[0];
      if (next === undefined) break;
      this.#now = next.timer!.end;
      signs.push(...next.ended());
    }
    this.#now = end;
    return signs;
  }

  #endIsa(): Sign[] {
    this.#isa = undefined;
    return ["fire"];
  }

  #endStage(): Sign[] {
    const { cfg, lock, preload } = this.#registers;
    const number = this.#stage!.number;
    this.#stage = undefined;
    if (number === 1) {
      this.#begin(2);
      const type = cfg & this.#types;
      return type === 0 ? ["irq"] : type === 2 ? ["smi"] : [];
    }
    if ((cfg & 0x20) === 0) {
      this.#flag = true;
      this.#powerOn();
      return ["fire"];
    }
    if ((lock & 4) > 0 && preload[0] + preload[1] === 0) this.#spins = true;
    else if ((lock & 4) > 0) this.#begin(1);
    return [];
  }

  #powerOn(): void {
    this.#registers = { ...POWER_ON };
    this.#stage = undefined;
    this.#spins = false;
    this.#written = "";
  }

  #reset(): void {
    this.#powerOn();
    this.#isa = undefined;
    this.#gcs.splice(0, 4, 0x20, 0, 0, 0);
    for (const at of [4, 5, 12, 16, 17, 18, 19, 60]) this.#bytes[at] = 0;
    this.#enableMemory();
  }

  #enableMemory(): void {
    this.#bytes[4] = 2;
    this.#bytes[19] = 0xe0;
  }
}

/** [offset, bytes, how far into the access] of each aligned piece. */
function cut(offset: number, bytes: number, most = 4): [number, number, number][] {
  const cuts: [number, number, number][] = [];
  for (let done = 0; done < bytes; ) {
    const at = offset + done;
    const size = [4, 2, 1].find((width) => at % width === 0 && width <= Math.min(most, bytes - done))!;
    cuts.push([at, size, done]);
    done += size;
  }
  return cuts;
}
