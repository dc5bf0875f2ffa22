/** bernard-guest-tests: runs every vector inside the daemon's engine; exit 1 when one fails. */
import { print } from "../src/configure.ts";
import * as system from "../src/linux/system.ts";
import { suites } from "./index.ts";
import { comparable } from "./vector.ts";

let passed = 0;
let failed = 0;
for (const { name, cases } of suites) {
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
