/** bernard-guest-tests: runs every vector inside the daemon's engine; exit 1 when one fails. `rounds N`: lives through so many of them. */
import { print } from "../src/configure.ts";
import * as system from "../src/linux/system.ts";
import { endure } from "./endurance.ts";
import { suites } from "./index.ts";
import { comparable, suite } from "./vector.ts";

/** What only this engine can show: it evaluates no text. Node would. */
const sealed = suite("the engine", (evaluate: () => unknown) => outcomeOf(evaluate), [
  // biome-ignore lint/security/noGlobalEval: that it fails is the point
  ["has no eval", () => eval("1"), "TypeError"],
  ["nor a Function constructor", () => new Function("return 1")(), "TypeError"],
]);

function outcomeOf(evaluate: () => unknown): unknown {
  try {
    return evaluate();
  } catch (error) {
    return (error as Error).name;
  }
}

if (args[0] === "rounds") {
  endure(Number(args[1]));
  system.exit(0);
}

let passed = 0;
let failed = 0;
for (const { name, cases } of [...suites, sealed]) {
  for (const vector of cases) {
    const actual = comparable(vector.actual());
    const expected = comparable(vector.expected);
    if (actual === expected) passed += 1;
    else {
      failed += 1;
      print(`FAILED ${name}: ${vector.name}\n  expected ${expected}\n  actual   ${actual}`);
    }
  }
}
print(`${passed} passed, ${failed} failed`);
system.exit(failed === 0 ? 0 : 1);
