import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";
import { UserError } from "@bernard/tools";
import { bootsOn } from "../src/qemu/accelerator.ts";

const PROGRAM = "qemu-system-x86_64";

/** Puts `script` before, or with `alone` in place of, all programs for the length of the test. */
async function standIn(t: TestContext, script: string | undefined, alone = false): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "bernard-path-"));
  const path = process.env.PATH ?? "";
  if (script !== undefined) await writeFile(join(dir, PROGRAM), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  process.env.PATH = alone ? dir : dir + delimiter + path;
  t.after(async () => {
    process.env.PATH = path;
    await rm(dir, { recursive: true });
  });
}

/** What a fresh process picks. */
function picked(environment: Record<string, string>): string {
  const script = join(import.meta.dirname, "fixtures/pick-accelerator.ts");
  return execFileSync(process.execPath, [script], { env: { ...process.env, ...environment } })
    .toString()
    .trim();
}

test("the probe boots under emulation", async () => {
  assert.equal(await bootsOn("tcg"), true);
});

test("an accelerator is found, and a guest boots on it", async () => {
  const accelerator = picked({ BERNARD_ACCEL: "" });
  assert.ok(accelerator === "kvm" || accelerator === "tcg");
  assert.equal(await bootsOn(accelerator), true);
});

const unusable: readonly [what: string, script: string][] = [
  ["QEMU may not use", `echo "Could not access KVM kernel module: Permission denied" >&2; exit 1`],
  ["resets the guest at its first mode switch", "exit 0"],
  ["runs the guest so slowly that it gets nowhere", "exec sleep 600"],
];

for (const [what, script] of unusable) {
  test(`a KVM that ${what} is not used`, async (t) => {
    await standIn(t, script);
    assert.equal(picked({ BERNARD_ACCEL: "" }), "tcg");
  });
}

const told: readonly [value: string, answer: string][] = [
  ["kvm", "kvm"],
  ["tcg", "tcg"],
  ["xen", 'BERNARD_ACCEL is "xen"; set it to kvm or tcg, or leave it out'],
];

for (const [value, answer] of told) {
  test(`BERNARD_ACCEL=${value} gives: ${answer}`, () => assert.equal(picked({ BERNARD_ACCEL: value }), answer));
}

test("without QEMU it is said what to install", async (t) => {
  await standIn(t, undefined, true);
  await assert.rejects(bootsOn("tcg"), (error) => {
    assert.ok(error instanceof UserError);
    assert.equal(error.message, `${PROGRAM} is not installed; apt-get install qemu-system-x86`);
    return true;
  });
});
