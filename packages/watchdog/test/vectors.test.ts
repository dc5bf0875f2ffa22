import assert from "node:assert/strict";
import { test } from "node:test";
import { vectors } from "../vectors/all.ts";
import { Model } from "../vectors/model.ts";
import { formatScript, parseScript } from "../vectors/script.ts";
import { NaiveModel } from "./naive-model.ts";

for (const { about, fact, script, only } of vectors) {
  for (const compat of only === undefined ? (["before-10.2", "10.2"] as const) : [only]) {
    test(`${about}: ${fact} (QEMU ${compat})`, () => {
      const steps = parseScript(script);
      assert.ok(steps.some((step) => step.kind === "read" || step.kind === "pass"));
      for (const model of [new Model(compat), new NaiveModel(compat)]) {
        assert.equal(formatScript(model.run(steps)), formatScript(steps));
      }
    });
  }
}

test("a script is read back as it was written", () => {
  const text = "cfg16[0x60] := 0x3; mem64[0x8] = 0x0; io8[0x443] = ?; pass 5 ns: irq fire; reset";
  assert.equal(formatScript(parseScript(text)), text);
});

test("what is no step is refused by name", () => {
  assert.throws(() => parseScript("reset; cfg24[0x60] := 0x3"), /^Error: not a step: cfg24\[0x60\] := 0x3$/);
  assert.throws(() => parseScript("pass 1 ns: bang"), /^Error: not a sign: bang$/);
});
