/** Random sequences of steps that reach far into the devices: plain noise would hardly ever unlock one. */
import fc from "fast-check";
import { parseScript, type Space, type Step } from "./script.ts";

const TELLING_VALUES = [0x80n, 0x86n, 0x100n, 0x200n, 0x300n, 0x1000n, 0x180n, 0x55n, 0n, 1n, 2n, 6n, 0xfffff_ffffn];

const value = (bits: number) =>
  fc.oneof(fc.constantFrom(...TELLING_VALUES), fc.bigInt(0n, 2n ** 64n - 1n)).map((any) => BigInt.asUintN(bits, any));

function access(space: Space, bits: readonly number[], offsets: fc.Arbitrary<number>): fc.Arbitrary<Step[]> {
  const where = fc.record({ bits: fc.constantFrom(...bits), offset: offsets });
  const write = where.chain((at) => value(at.bits).map((v): Step[] => [{ kind: "write", space, ...at, value: v }]));
  const read = where.map((at): Step[] => [{ kind: "read", space, ...at, value: undefined }]);
  return fc.oneof({ arbitrary: write, weight: 3 }, { arbitrary: read, weight: 2 });
}

const script = (text: string) => parseScript(text);
const hex = (number: number) => `0x${number.toString(16)}`;

const aroundUnlocking = fc
  .record({
    bits: fc.constantFrom(8, 16, 32),
    offset: fc.constantFrom(0xc, 0xc, 0xc, 0xd, 0xe, 0x0, 0x8),
    value: fc.constantFrom(0x80n, 0x86n, 0x55n, 0x100n, 0x300n),
  })
  .filter(({ bits, offset }) => offset % (bits / 8) === 0)
  .map((write): Step[] => [{ kind: "write", space: "mem", ...write, value: BigInt.asUintN(write.bits, write.value) }]);

const preload = fc
  .tuple(fc.constantFrom(0x0, 0x4), fc.oneof(fc.constantFrom(0, 1, 2, 3, 5, 50, 0xfffff), fc.nat(0xffff_ffff)))
  .map(([at, ticks]) => script(`unlock; mem32[${hex(at)}] := ${hex(ticks)}`));

/** Armed as a driver would, with stages so short that the next step of time ends them. */
const armed = fc
  .record({
    one: fc.constantFrom(0, 0, 1, 3),
    two: fc.constantFrom(0, 0, 1, 5),
    config: fc.constantFrom(0x4, 0x5, 0x6, 0x7, 0x24, 0x25, 0x27),
    lock: fc.constantFrom(2, 3, 6, 7),
  })
  .map(({ one, two, config, lock }) =>
    script(
      `unlock; mem32[0x0] := ${hex(one)}; unlock; mem32[0x4] := ${hex(two)}; ` +
        `cfg16[0x60] := ${hex(config)}; cfg8[0x68] := ${hex(lock)}`,
    ),
  );

const reload = fc
  .constantFrom(0x100, 0x200, 0x300, 0x1000, 0x1300)
  .map((bits) => script(`unlock; mem16[0xc] := ${hex(bits)}`));

const config = fc.integer({ min: 0, max: 0x3f }).map((bits) => script(`cfg16[0x60] := ${hex(bits)}`));
const lock = fc.constantFrom(0, 0, 1, 2, 2, 2, 3, 4, 6, 6, 7).map((bits) => script(`cfg8[0x68] := ${hex(bits)}`));
const look = fc.constantFrom("mem16[0xc] = ?", "cfg16[0x60] = ?", "cfg8[0x68] = ?").map(script);
const bar = fc
  .constantFrom("0x0", "0xffffffff", "0xe0000000", "0xe0000010")
  .map((at) => script(`cfg32[0x10] := ${at}`));
const command = fc.constantFrom("0x0", "0x2", "0x2", "0x507").map((bits) => script(`cfg16[0x4] := ${bits}`));
/** TMR is written by itcoTimer only. */
const reachesTimer = (port: number, bits: number) => port <= 0x672 && port + bits / 8 > 0x672;
const itcoPorts = fc.constantFrom(
  0,
  0,
  2,
  3,
  4,
  6,
  8,
  8,
  0xa,
  0xc,
  0xd,
  0xe,
  0x10,
  0x12,
  0x12,
  1,
  9,
  0x13,
  0x1e,
  0x1f,
  -1,
  -2,
);
const itcoAccess = access(
  "io",
  [8, 16, 32],
  itcoPorts.map((offset) => 0x660 + offset),
).filter(([step]) => step?.kind !== "write" || !reachesTimer(step.offset, step.bits));
/** Counts of 0 that run out at once, as fewer could not in a test; 2 and more hardly ever do. */
const itcoTimer = fc
  .constantFrom(0, 1, 2, 4, 0x3ff, 0x400, 0x400, 0x8400)
  .map((ticks) => script(`io16[0x672] := ${hex(ticks)}`));
const itcoHalt = fc.constantFrom("0x0", "0x0", "0x800", "0x1000").map((bits) => script(`io16[0x668] := ${bits}`));
const itcoFeed = fc.constant(script("io16[0x660] := 0x1"));
const itcoLook = fc.constantFrom("0x660", "0x664", "0x666", "0x668").map((port) => script(`io16[${port}] = ?`));
const gcs = fc
  .constantFrom("gcs32[0x0] := 0x0", "gcs8[0x0] := 0x0", "gcs32[0x0] := 0x20", "gcs32[0x0] = ?")
  .map(script);

const reset = fc.constant(script("reset"));

/** @param times nanoseconds that a step of time may take */
export function randomSteps(times: fc.Arbitrary<bigint>): fc.Arbitrary<Step[]> {
  const pass = times.map((ns): Step[] => [{ kind: "pass", ns, signs: [] }]);
  const step = fc.oneof(
    { arbitrary: access("mem", [8, 16, 32, 64], fc.integer({ min: 0, max: 0xf })), weight: 6 },
    { arbitrary: access("cfg", [8, 16, 32], fc.integer({ min: 0x58, max: 0x70 })), weight: 5 },
    {
      arbitrary: access("cfg", [8, 16, 32], fc.constantFrom(0, 1, 2, 6, 8, 0xc, 0xd, 0xe, 0x2c, 0x30, 0x34, 0x3c)),
      weight: 1,
    },
    { arbitrary: access("io", [8, 16, 32], fc.integer({ min: 0x440, max: 0x445 })), weight: 3 },
    { arbitrary: aroundUnlocking, weight: 6 },
    { arbitrary: preload, weight: 6 },
    { arbitrary: armed, weight: 4 },
    { arbitrary: reload, weight: 4 },
    { arbitrary: config, weight: 3 },
    { arbitrary: lock, weight: 6 },
    { arbitrary: look, weight: 4 },
    { arbitrary: pass, weight: 4 },
    { arbitrary: bar, weight: 1 },
    { arbitrary: command, weight: 1 },
    { arbitrary: reset, weight: 1 },
    { arbitrary: itcoAccess, weight: 3 },
    { arbitrary: itcoTimer, weight: 3 },
    { arbitrary: itcoHalt, weight: 2 },
    { arbitrary: itcoFeed, weight: 4 },
    { arbitrary: itcoLook, weight: 4 },
    { arbitrary: gcs, weight: 3 },
  );
  return fc.array(step, { maxLength: 120, size: "max" }).map((steps) => steps.flat());
}

/** Of the iTCO alone, with counts that run out within few ticks. */
export function randomItcoSteps(times: fc.Arbitrary<bigint>): fc.Arbitrary<Step[]> {
  const pass = times.map((ns): Step[] => [{ kind: "pass", ns, signs: [] }]);
  const timer = fc.constantFrom(1, 2, 3, 0x401, 0x401, 0x402).map((ticks) => script(`io16[0x672] := ${hex(ticks)}`));
  const step = fc.oneof(timer, itcoHalt, itcoFeed, itcoFeed, itcoLook, gcs, reset, pass, pass, pass);
  return fc.array(step, { maxLength: 20, size: "max" }).map((steps) => steps.flat());
}
