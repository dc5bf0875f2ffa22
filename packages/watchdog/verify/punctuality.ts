/**
 * Measures when a running QEMU fires, against the model's nanosecond: never before it, and not long after it. A look is a reading
 * of the clock and of what has been seen; QEMU answers it in the thread that runs its timers.
 */
import { Model } from "../vectors/model.ts";
import { parseScript } from "../vectors/script.ts";
import type { Emulator } from "./emulator.ts";
import { CLOCK_ERROR, Lockstep, Mismatch } from "./lockstep.ts";

/** Nanoseconds after the model's in which a fire must come, in one of the attempts: a busy host may take longer once. */
const TOLERANCE = 5_000_000n;
const ATTEMPTS = 10;

/** Between which two moments of the host's clock, in ms, a device fired. */
export interface Fire {
  readonly from: number;
  readonly to: number;
}

export interface Punctuality {
  readonly fires: readonly Fire[];
  /** Nanoseconds by which the latest sign was surely late. */
  readonly latest: bigint;
}

/** @param scripts each arms a device; what it shows must be over within `longest` ns */
export async function measure(qemu: Emulator, scripts: readonly string[], longest: bigint): Promise<Punctuality> {
  const fires: Fire[] = [];
  let latest = 0n;
  for (const script of scripts) {
    for (let attempt = 1; ; attempt++) {
      const once = await measureOnce(qemu, script, longest);
      fires.push(...once.fires);
      if (once.latest > TOLERANCE && attempt < ATTEMPTS) continue;
      if (once.latest > TOLERANCE) throw new Mismatch(`QEMU is ${once.latest} ns late`, parseScript(script));
      if (once.latest > latest) latest = once.latest;
      break;
    }
  }
  return { fires, latest };
}

async function measureOnce(qemu: Emulator, script: string, longest: bigint): Promise<Punctuality> {
  const steps = parseScript(script);
  await new Lockstep(qemu).run(steps, 0n);
  const model = new Model(qemu.compat);
  model.run(steps);
  model.pass(longest);
  const expected = [...model.signs];
  const fires: Fire[] = [];
  let latest = 0n;
  const zero = await qemu.time();
  await qemu.run();
  for (let before = 0n, from = Date.now(); expected.length > 0; ) {
    const signs = qemu.signs();
    const to = Date.now() + 1;
    const after = (await qemu.time()) - zero;
    for (const sign of signs) {
      const due = expected.shift();
      const early = due === undefined || due.sign !== sign || after + CLOCK_ERROR < due.at;
      if (early)
        throw new Mismatch(`the model shows ${due?.sign} at ${due?.at} ns`, [
          ...steps,
          { kind: "pass", ns: after, signs },
        ]);
      if (sign === "fire") fires.push({ from, to });
      if (before - due.at > latest) latest = before - due.at;
    }
    if (before > longest + 1000n * TOLERANCE)
      throw new Mismatch(`the model shows ${expected[0]?.sign}, QEMU nothing`, steps);
    before = after;
    from = to - 1;
  }
  await qemu.stop();
  return { fires, latest };
}
