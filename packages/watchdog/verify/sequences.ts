/** Random sequences on QEMU and model; the first that differs is cut down to the shortest that still does. */
import fc from "fast-check";
import { randomItcoSteps, randomSteps } from "../vectors/random-steps.ts";
import type { Step } from "../vectors/script.ts";
import { type Lockstep, Mismatch } from "./lockstep.ts";

/** Nanoseconds that steps of time take: time is real. */
const times = fc.constantFrom(0n, 0n, 20_000n, 1_000_000n);
const LONGEST = 5_000_000n;
const slowTimes = fc.constantFrom(0n, 300_000_000n, 600_000_000n, 700_000_000n);
const SLOW_LONGEST = 1_000_000_000n;

/** Throws a Mismatch that names the seed. */
export async function verifySequences(lockstep: Lockstep, runs: number, seed: number): Promise<void> {
  await verify(lockstep, runs, seed, randomSteps(times), LONGEST);
}

/** Those that are worth seconds: of the iTCO, which counts in no less than 600 ms. */
export async function verifySlowSequences(lockstep: Lockstep, runs: number, seed: number): Promise<void> {
  await verify(lockstep, runs, seed, randomItcoSteps(slowTimes), SLOW_LONGEST);
}

async function verify(
  lockstep: Lockstep,
  runs: number,
  seed: number,
  arbitrary: fc.Arbitrary<Step[]>,
  longest: bigint,
): Promise<void> {
  let last: Mismatch | undefined;
  const property = fc.asyncProperty(arbitrary, async (steps) => {
    await lockstep.run(steps, longest).catch((error: unknown) => {
      if (error instanceof Mismatch) last = error; // the cut goes on from each that differs, so the last is the shortest
      throw error;
    });
  });
  const result = await fc.check(property, { numRuns: runs, seed });
  if (!result.failed) return;
  if (last === undefined) throw result.errorInstance;
  last.message = `sequence ${result.numRuns} of SEED=${seed}: ${last.message}`;
  throw last;
}
