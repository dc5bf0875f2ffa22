/** QEMU's monitors in folders, for the contract. */
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Scope } from "@bernard/tools";
import { openHypervisor } from "../../src/open-hypervisor.ts";
import { type Emulator, startEmulator } from "../qemu-process.ts";
import type { World } from "./adapters.ts";

/** A monitor serves one client at a time, and a story may open two adapters: each takes the other folder of the two. */
const FOLDERS = ["one", "two"];

export async function qemuSockets(scope: Scope): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), "bv-"));
  scope.after(() => rm(dir, { recursive: true, force: true }));
  const folders = FOLDERS.map((name) => join(dir, name));
  for (const folder of folders) await mkdir(folder);
  const emulators = new Map<string, Emulator>();
  let opened = 0;
  return {
    dir,
    open: (options) => openHypervisor(`qmp://${folders[opened++ % folders.length]}`, options),
    boot: async (t, { name = "tiny", action = "none" } = {}) => {
      const monitors = folders.map((folder) => join(folder, `${name}.sock`));
      emulators.set(name, await startEmulator(t, { name, dir, monitors, action, uuid: randomUUID() }));
      return { name };
    },
    remove: async (name) => await emulators.get(name)?.remove(),
    emulator: async (name) => emulators.get(name)!.pid,
    lose: () => Promise.reject(new Error("there is nothing between the adapter and QEMU")),
  };
}
