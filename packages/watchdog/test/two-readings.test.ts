import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Model } from "../vectors/model.ts";
import { randomSteps } from "../vectors/random-steps.ts";
import { formatScript, type Step } from "../vectors/script.ts";
import { NaiveModel } from "./naive-model.ts";

const times = fc.oneof(
  fc.constantFrom(0n, 1n, 960n, 4800n, 983_040n, 1_000_000_000n, 2_000_000_000n, 30_000_000_000n),
  fc.bigInt(0n, 3_000_000n),
);

/** A device that runs freely in stages of a microsecond makes a step of seconds long; it is cut short. */
const bounded = (steps: readonly Step[]): Step[] => {
  const fast = steps.some((step) => step.kind === "write" && step.space === "cfg" && (step.value & 4n) !== 0n);
  return steps.map((step) =>
    step.kind === "pass" && fast && step.ns > 3_000_000n ? { ...step, ns: 3_000_000n } : step,
  );
};

for (const compat of ["before-10.2", "10.2"] as const) {
  test(`two readings of the specification agree on every sequence (QEMU ${compat})`, () => {
    fc.assert(
      fc.property(randomSteps(times).map(bounded), (steps) => {
        assert.equal(formatScript(new Model(compat).run(steps)), formatScript(new NaiveModel(compat).run(steps)));
      }),
      { numRuns: 3000 },
    );
  });
}

/** Which of two devices with the same deadline was started first is in neither's state, here as in QEMU. */
const unordered = (steps: readonly Step[]): Step[] =>
  steps.map((step) => (step.kind === "pass" ? { ...step, signs: step.signs.toSorted() } : step));

test("a device that is saved and restored at any moment goes on as if nothing had happened", () => {
  fc.assert(
    fc.property(randomSteps(times).map(bounded), fc.nat(), (steps, seed) => {
      const at = steps.length === 0 ? 0 : seed % steps.length;
      const first = new Model("10.2");
      first.run(steps.slice(0, at));
      const second = new Model("10.2");
      second.timeline.runUntil(12_345n); // restored at another time of the world outside
      second.clock.restore(structuredClone(first.clock.state()));
      second.i6300esb.restore(structuredClone(first.i6300esb.state()));
      second.ib700.restore(structuredClone(first.ib700.state()));
      second.itco.restore(structuredClone(first.itco.state()));
      assert.deepEqual(second.i6300esb.state(), first.i6300esb.state());
      assert.deepEqual(second.itco.state(), first.itco.state());
      assert.equal(
        formatScript(unordered(second.run(steps.slice(at)))),
        formatScript(unordered(first.run(steps.slice(at)))),
      );
    }),
    { numRuns: 2000 },
  );
});

test("the random sequences reach what matters", () => {
  const reached = new Set<string>();
  for (const steps of fc.sample(randomSteps(times).map(bounded), { numRuns: 2000, seed: 1 })) {
    const model = new Model("10.2");
    for (const step of steps) {
      for (const done of model.run([step])) if (done.kind === "pass") for (const sign of done.signs) reached.add(sign);
      const { fired, unlock, locked, spinning, stage, freeRun } = model.i6300esb.state();
      const itco = model.itco.state();
      for (const [name, is] of Object.entries({
        fired,
        unlocked: unlock === 2,
        locked,
        spinning,
        second: stage === 2,
        freeRun,
        "itco fired": (itco.registers.status2 & 6) !== 0,
        "itco ran out once": itco.expiries === 1,
        "itco locked": (itco.registers.control1 & 0x1000) !== 0,
        "itco spinning": itco.spinning,
      })) {
        if (is) reached.add(name);
      }
    }
  }
  assert.deepEqual([...reached].sort(), [
    "fire",
    "fired",
    "freeRun",
    "irq",
    "itco fired",
    "itco locked",
    "itco ran out once",
    "itco spinning",
    "locked",
    "second",
    "smi",
    "spinning",
    "unlocked",
  ]);
});
