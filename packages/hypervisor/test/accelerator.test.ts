import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as later } from "node:timers/promises";
import { UserError } from "@bernard/tools";
import { bootsOn, decide } from "../src/qemu/accelerator.ts";

const PROGRAM = "qemu-system-x86_64";

/** Milliseconds in which the probe boots on the busiest machine; an idle one takes 0.3 s under emulation. */
const AMPLE_MS = 60_000;

const fixture = (name: string) => join(import.meta.dirname, "fixtures", name);

async function folder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "bernard-accelerator-"));
  t.after(() => rm(dir, { recursive: true }));
  return dir;
}

/** Puts `script` before, or with `alone` in place of, all programs for the length of the test. */
async function standIn(t: TestContext, script: string | undefined, alone = false): Promise<void> {
  const dir = await folder(t);
  const path = process.env.PATH ?? "";
  if (script !== undefined) await writeFile(join(dir, PROGRAM), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  process.env.PATH = alone ? dir : dir + delimiter + path;
  t.after(() => {
    process.env.PATH = path;
  });
}

/** What a fresh process picks. */
function picked(environment: Record<string, string>): string {
  const env = { ...process.env, ...environment };
  return execFileSync(process.execPath, [fixture("pick-accelerator.ts")], { env })
    .toString()
    .trim();
}

const decisions: readonly [wanted: string | undefined, kvmBoots: boolean | "is not asked", accelerator: string][] = [
  [undefined, true, "kvm"],
  [undefined, false, "tcg"],
  ["", true, "kvm"],
  ["", false, "tcg"],
  ["kvm", "is not asked", "kvm"],
  ["tcg", "is not asked", "tcg"],
];

for (const [wanted, kvmBoots, accelerator] of decisions) {
  test(`BERNARD_ACCEL=${wanted}, KVM boots: ${kvmBoots}: ${accelerator}`, async () => {
    const answer = await decide(wanted, async () => {
      assert.ok(kvmBoots !== "is not asked");
      return kvmBoots;
    });
    assert.equal(answer, accelerator);
  });
}

test("BERNARD_ACCEL=xen is refused, and it is said what to set", () => {
  assert.equal(picked({ BERNARD_ACCEL: "xen" }), 'BERNARD_ACCEL is "xen"; set it to kvm or tcg, or leave it out');
});

test("the probe boots under emulation", async () => {
  assert.equal(await bootsOn("tcg", AMPLE_MS), true);
});

test("an accelerator is found, and a guest boots on it", async () => {
  const accelerator = picked({ BERNARD_ACCEL: "" });
  assert.ok(accelerator === "kvm" || accelerator === "tcg");
  assert.equal(await bootsOn(accelerator, AMPLE_MS), true);
});

const unusable: readonly [what: string, script: string, deadlineMs: number][] = [
  ["QEMU may not use", `echo "Could not access KVM kernel module: Permission denied" >&2; exit 1`, AMPLE_MS],
  ["resets the guest at its first mode switch", "exit 0", AMPLE_MS],
  ["runs the guest so slowly that it gets nowhere", "exec sleep 600", 100],
];

for (const [what, script, deadlineMs] of unusable) {
  test(`no guest boots on a KVM that ${what}`, async (t) => {
    await standIn(t, script);
    assert.equal(await bootsOn("kvm", deadlineMs), false);
  });
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  test(`${signal} during the probe leaves nothing`, async (t) => {
    const tmp = await folder(t);
    const started = join(await folder(t), "started");
    await standIn(t, `touch ${started}; exec sleep 600`);
    const probe = spawn(process.execPath, [fixture("probe.ts")], {
      env: { ...process.env, TMPDIR: tmp },
      stdio: "ignore",
    });
    while (!existsSync(started)) await later(10);
    assert.equal((await readdir(tmp)).length, 1);
    probe.kill(signal);
    assert.deepEqual(await once(probe, "exit"), [null, signal]);
    assert.deepEqual(await readdir(tmp), []);
  });
}

test("without QEMU it is said what to install", async (t) => {
  await standIn(t, undefined, true);
  await assert.rejects(bootsOn("tcg", AMPLE_MS), (error) => {
    assert.ok(error instanceof UserError);
    assert.equal(error.message, `${PROGRAM} is not installed; apt-get install qemu-system-x86`);
    return true;
  });
});
