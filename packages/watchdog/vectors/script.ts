/**
 * The language of the vectors: what is done to the devices, and what must come of it, one step after the other.
 *
 *     cfg16[0x60] := 0x3       a write of 16 bits to the i6300esb's configuration
 *     mem32[0x0] := 0x5        a write of 32 bits behind its BAR0; up to mem64, at any offset
 *     unlock                   the two writes that unlock it, as Linux does them: mem16[0xc] := 0x80; mem16[0xc] := 0x86
 *     io8[0x443] := 0xf        a write to a port
 *     gcs32[0x0] := 0x0        a write to the chipset's GCS
 *     mem16[0xc] = 0x1200      a read, and its value
 *     pass 2880 ns             time goes on, and nothing is seen
 *     pass 1 ms: irq fire      time goes on; the first stage ends with QEMU's line about an interrupt, then a device fires
 *     reset                    the machine is reset, and BAR0 is set and enabled again
 *
 * The devices start as after power-on, with memory enabled, BAR0 at the place called mem[0], and the chipset's registers where
 * firmware puts them.
 */

export type Space = "cfg" | "mem" | "io" | "gcs";

/** What can be seen of a device without an access. */
export type Sign = "irq" | "smi" | "fire";

export interface WriteStep {
  readonly kind: "write";
  readonly space: Space;
  readonly bits: number;
  readonly offset: number;
  readonly value: bigint;
}

export interface ReadStep {
  readonly kind: "read";
  readonly space: Space;
  readonly bits: number;
  readonly offset: number;
  /** What must be read; undefined where that is to be found out. */
  readonly value: bigint | undefined;
}

export interface PassStep {
  readonly kind: "pass";
  readonly ns: bigint;
  readonly signs: readonly Sign[];
}

interface ResetStep {
  readonly kind: "reset";
}

export type Step = WriteStep | ReadStep | PassStep | ResetStep;

/** Throws an Error that names the step which it cannot read. */
export function parseScript(text: string): Step[] {
  return text
    .split(";")
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .flatMap(parseStep);
}

const UNITS: Readonly<Record<string, bigint>> = { ns: 1n, us: 1000n, ms: 1_000_000n, s: 1_000_000_000n };

function parseStep(text: string): Step[] {
  if (text === "unlock") return [0x80n, 0x86n].map((value) => write("mem", 16, 0xc, value));
  if (text === "reset") return [{ kind: "reset" }];
  const pass = /^pass ([\d_]+) (ns|us|ms|s)(?:: (.*))?$/.exec(text);
  if (pass !== null) {
    const ns = BigInt(pass[1]!.replaceAll("_", "")) * UNITS[pass[2]!]!;
    return [{ kind: "pass", ns, signs: (pass[3]?.split(" ") ?? []).map(parseSign) }];
  }
  const access = /^(cfg|mem|io|gcs)(8|16|32|64)\[(0x[0-9a-f]+)\] (:?=) (0x[0-9a-f]+|\?)$/.exec(text);
  if (access === null) throw new Error(`not a step: ${text}`);
  const [, space, bits, offset, sign, value] = access as unknown as [string, Space, string, string, string, string];
  if (sign === ":=") return [write(space, Number(bits), Number(offset), BigInt(value))];
  const expected = value === "?" ? undefined : BigInt(value);
  return [{ kind: "read", space, bits: Number(bits), offset: Number(offset), value: expected }];
}

function parseSign(text: string): Sign {
  if (text !== "irq" && text !== "smi" && text !== "fire") throw new Error(`not a sign: ${text}`);
  return text;
}

function write(space: Space, bits: number, offset: number, value: bigint): WriteStep {
  return { kind: "write", space, bits, offset, value };
}

function formatStep(step: Step): string {
  const hex = (value: bigint | number) => `0x${value.toString(16)}`;
  switch (step.kind) {
    case "write":
      return `${step.space}${step.bits}[${hex(step.offset)}] := ${hex(step.value)}`;
    case "read":
      return `${step.space}${step.bits}[${hex(step.offset)}] = ${step.value === undefined ? "?" : hex(step.value)}`;
    case "pass":
      return `pass ${step.ns} ns${step.signs.length > 0 ? `: ${step.signs.join(" ")}` : ""}`;
    case "reset":
      return "reset";
  }
}

export function formatScript(steps: readonly Step[]): string {
  return steps.map(formatStep).join("; ");
}
