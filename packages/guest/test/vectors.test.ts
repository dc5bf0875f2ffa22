/** The daemon's vectors in Node, where a failure shows its difference, and in the daemon's own engine, where they count. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
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
  /** Runs a binary for `arch`, emulated where this machine cannot run it; what it printed. */
  async function call(binary: string, ...args: string[]): Promise<string> {
    const emulator = EMULATORS[arch];
    if (emulator !== undefined) await ensureInstalled([emulator.package], () => {});
    const [command = "", ...rest] = [...(emulator === undefined ? [] : [emulator.program]), binary, ...args];
    return spawnSync(command, rest).stdout.toString();
  }

  test(`all ${total} vectors pass in the ${arch} binary`, async () => {
    const { tests } = await buildGuest(arch, () => {});
    assert.equal(await call(tests), `${total + ENGINE_ONLY} passed, 0 failed\n`);
  });

  test(`the ${arch} daemon's probe writes to a file system, and its spawner runs the programs of a folder`, async (t) => {
    const { daemon } = await buildGuest(arch, () => {});
    const dir = await mkdtemp(join(tmpdir(), "bernard-test-"));
    t.after(() => rm(dir, { recursive: true }));
    await writeFile(join(dir, "conf"), `disk = /dev/shm\ntest-directory = ${dir}\nlog-dir = none\n`);
    await writeFile(join(dir, "program"), "#!/bin/sh\nexit 42\n", { mode: 0o700 });
    const table = await call(daemon, "--once", "--config", join(dir, "conf"));
    assert.match(table, /^disk:\/dev\/shm +healthy +writable=1 /m);
    const scripts = table.split("\n").filter((line) => line.startsWith("script:"));
    assert.deepEqual(
      scripts.map((line) => line.split("  ")[0]),
      [`script:${dir}/program`],
      "the configuration is no program",
    );
    assert.match(scripts[0] ?? "", / failing .*\(exit_code=42\)$/);
  });
}
