/** A run folder for one guest, with the tiny kernel in it; it goes with the test. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { GuestOptions } from "@bernard/hypervisor/qemu";
import { tinyKernel } from "./tiny-kernel.ts";

export async function runFolder(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "bernard-guest,")); // a comma, which QEMU's option lists must not stumble over
  t.after(() => rm(dir, { recursive: true }));
  await writeFile(join(dir, "kernel"), tinyKernel());
  await writeFile(join(dir, "initrd"), "x");
  return dir;
}

/** A guest whose ib700 fires as soon as it is up, and pauses it. */
export const tinyGuest = (dir: string): GuestOptions => ({
  name: "tiny",
  dir,
  kernel: join(dir, "kernel"),
  initrd: join(dir, "initrd"),
  append: "",
  memoryMib: 64,
  cpus: 1,
  disks: [],
  watchdog: { model: "ib700", action: "pause" },
  channels: [],
  extraSerialSocket: true,
  accelerator: "tcg",
});
