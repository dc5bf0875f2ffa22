/** What `make verify-devices` is worth: a model that is wrong in one bit must not get past it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Model } from "../vectors/model.ts";
import { parseScript, type ReadStep, type WriteStep } from "../vectors/script.ts";
import { Emulator } from "../verify/emulator.ts";
import { Lockstep, Mismatch } from "../verify/lockstep.ts";
import { verifySequences } from "../verify/sequences.ts";

let qemu: Emulator;
before(async () => {
  qemu = await Emulator.start("qemu-system-x86_64", false);
});
after(() => qemu.end());

test("QEMU and our models agree on a hundred random sequences", async () => {
  const lockstep = new Lockstep(qemu);
  await verifySequences(lockstep, 100, 1);
  assert.ok(lockstep.reads > 100, `${lockstep.reads} values read`);
  assert.ok(lockstep.signs > 0, `${lockstep.signs} signs`);
});

/** Reads GINTSR as if stage 1 had an interrupt. */
class WrongRead extends Model {
  override read(step: ReadStep): bigint {
    return super.read(step) | (step.space === "mem" && step.offset === 0x8 && step.bits === 16 ? 1n : 0n);
  }
}

/** Takes a preload of any width. */
class WrongWrite extends Model {
  override write(step: WriteStep): void {
    super.write(step.space === "mem" && step.offset < 8 && step.bits === 16 ? { ...step, bits: 32 } : step);
  }
}

/** Its ib700 takes 30 s at code 15, not none. */
class WrongTime extends Model {
  override write(step: WriteStep): void {
    super.write(step.space === "io" && step.value === 0xfn ? { ...step, value: 0x0n } : step);
  }
}

test("a model that reads wrongly is caught, and the shortest vector is told", async () => {
  const lockstep = new Lockstep(qemu, () => new WrongRead(qemu.compat));
  await assert.rejects(verifySequences(lockstep, 1000, 1), (error: Error) => {
    assert.ok(error instanceof Mismatch);
    assert.match(error.message, /^sequence \d+ of SEED=1: the model reads 0x1\n/);
    assert.match(error.message, /\["", "mem16\[0x8\] = 0x0"\]$/);
    return true;
  });
});

/** Its iTCO forgets at a halt that it has run out once, as one might think. */
class WrongHalt extends Model {
  override write(step: WriteStep): void {
    super.write(step);
    if (step.space === "io" && step.offset === 0x668) this.itco.restore({ ...this.itco.state(), expiries: 0 });
  }
}

/** Once, of a timer of 4 times 0.6 s. */
const EXPIRY = "pass 900 ms; pass 900 ms; pass 900 ms";

/** A busy machine makes a step of time longer by a second and more: none of these models is right by then. */
const wrong = [
  [
    "that takes a preload of 16 bits fires where QEMU does not",
    WrongWrite,
    "unlock; mem16[0x0] := 0x0; unlock; mem32[0x4] := 0x0; cfg16[0x60] := 0x1; cfg8[0x68] := 0x2; pass 1 ms",
    /the model shows: fire\n/,
  ],
  [
    "that is slow misses QEMU's fire",
    WrongTime,
    "io8[0x443] := 0xf; pass 1 ms",
    /the model shows: nothing\n.*: fire"\]$/s,
  ],
  [
    "that forgets what it should not misses QEMU's fire",
    WrongHalt,
    `gcs32[0x0] := 0x0; io16[0x672] := 0x404; io16[0x660] := 0x1; ${EXPIRY}; io16[0x668] := 0x800; io16[0x668] := 0x0; ${EXPIRY}`,
    /the model shows: nothing\n.*: fire"\]$/s,
  ],
] as const;

for (const [what, Wrong, script, message] of wrong) {
  test(`a model ${what}`, async () => {
    const lockstep = new Lockstep(qemu, () => new Wrong(qemu.compat));
    await assert.rejects(lockstep.run(parseScript(script), 1_000_000_000n), message);
  });
}

test("a QEMU that cannot start is told with its own words", async () => {
  await assert.rejects(Emulator.start("/nonexistent/qemu", false), /ENOENT/);
  await assert.rejects(Emulator.start("false", false), /^Error: QEMU has ended with code 1; it said: $/);
});
