/** Builds the test guest with room for a crash kernel (kdump), and with that kernel on board for it to load. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached, type Say } from "@bernard/tools";
import { buildImage, type Image } from "./image.ts";
import { buildInitrd, type GuestFile } from "./initrd.ts";
import { bootModules, buildKernel } from "./kernel.ts";
import { buildPrograms } from "./programs.ts";
import { userSpace } from "./user-space.ts";

const here = join(import.meta.dirname, "../guest");

/** What Debian's kernel needs to unpack itself and to save a dump. */
const RESERVED_MIB = 128;

/** Linux takes a crash kernel of up to half of the memory that is not reserved. */
const MEMORY_MIB = 384;

/** In this guest `/lib/crash/` holds `vmlinuz`, `initrd` and the program that loads them. */
export async function buildCrashImage(say: Say): Promise<Image> {
  const image = await buildImage(say);
  const kernel = await buildKernel("6.1", say);
  const programs = await buildPrograms("x86_64", say, ["load-crash-kernel"]);
  const layer = await buildInitrd(
    "testbed-crash-layer",
    new Map([
      ["lib/crash/vmlinuz", { from: join(kernel, "vmlinuz"), executable: false }],
      ["lib/crash/initrd", { from: await buildCrashInitrd(kernel, say), executable: false }],
      ["lib/crash/load-crash-kernel", { from: join(programs, "load-crash-kernel"), executable: true }],
    ]),
    say,
  );
  const dir = await cached(
    {
      name: "testbed-crash-initrd",
      inputs: [image.initrd, layer],
      // The kernel unpacks archives that follow each other over each other.
      build: async (dir) =>
        writeFile(join(dir, "initrd"), Buffer.concat([await readFile(image.initrd), await readFile(layer)])),
    },
    say,
  );
  return {
    ...image,
    initrd: join(dir, "initrd"),
    memoryMib: MEMORY_MIB,
    kernelArguments: `crashkernel=${RESERVED_MIB}M`,
  };
}

async function buildCrashInitrd(kernel: string, say: Say): Promise<string> {
  const files = new Map<string, GuestFile>();
  const add = (to: string, from: string, executable: boolean) => files.set(to, { from, executable });
  const busybox = (await userSpace("x86_64", say)).get("bin/busybox");
  if (busybox !== undefined) files.set("bin/busybox", busybox);
  add("init", join(here, "crash/init"), true);
  add("lib/testbed/load", join(here, "load"), true);
  for (const name of await bootModules(kernel)) {
    add(`lib/modules/${name}`, join(kernel, "modules", name), false);
  }
  return buildInitrd("testbed-crash-kernel-initrd", files, say);
}
