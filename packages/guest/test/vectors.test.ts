/** The daemon's vectors in Node, where a failure shows its difference, and in the daemon's own engine, where they count. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { suite, test } from "node:test";
import { promisify } from "node:util";
import { ARCHES, buildGuest, EMULATORS } from "@bernard/guest/build";
import { ensureInstalled } from "@bernard/tools";
import { suites } from "../vectors/index.ts";
import { comparable } from "../vectors/vector.ts";

/** Those of vectors/main.ts, which hold in the daemon's engine alone. */
const ENGINE_ONLY = 2;

const total = suites.reduce((count, { cases }) => count + cases.length, 0);

for (const { name, cases } of suites) {
  suite(name, () => {
    for (const vector of cases) {
      test(vector.name, () => {
        const actual = vector.actual();
        if (comparable(actual) !== comparable(vector.expected)) assert.deepEqual(actual, vector.expected);
      });
    }
  });
}

for (const arch of ARCHES) {
  test(`all ${total} vectors pass in the ${arch} binary`, async () => {
    const { tests } = await buildGuest(arch, () => {});
    const emulator = EMULATORS[arch];
    if (emulator !== undefined) await ensureInstalled([emulator.package], () => {});
    const [command = "", ...args] = [...(emulator === undefined ? [] : [emulator.program]), tests];
    const { stdout } = await promisify(execFile)(command, args);
    assert.equal(stdout, `${total + ENGINE_ONLY} passed, 0 failed\n`);
  });
}
