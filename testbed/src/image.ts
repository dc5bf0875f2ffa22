/** Builds the test guest: kernel, initramfs and data disk, each kept until something that it is made of changes. */
import { readdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildGuest, packagesFor } from "@bernard/guest/build";
import { cached, ensureInstalled, run, type Say } from "@bernard/tools";
import { buildInitrd } from "./initrd.ts";
import { buildKernel, type Kernel } from "./kernel.ts";
import { hostPackages } from "./packages.ts";
import { buildPrograms, PROGRAMS } from "./programs.ts";
import { type Processor, userSpace } from "./user-space.ts";

export interface Image {
  /** An uncompressed kernel with a PVH entry point, for QEMU's `-kernel`. */
  readonly kernel: string;
  readonly initrd: string;
  /** A qcow2 with an ext4 labelled `data`; put an overlay over it, never write to it. */
  readonly dataDisk: string;
  /** A qcow2 with the root file system, likewise; without it the guest lives in its initramfs. */
  readonly rootDisk?: string;
  /** What the guest gets where nobody says otherwise. */
  readonly memoryMib: number;
}

const here = join(import.meta.dirname, "../guest");

const DATA_MIB = 128;

/** Enough for the kernel, the initramfs and 100 MiB besides. */
const MEMORY_MIB = 192;

/** Installs, downloads and builds what is missing. */
export async function buildImage(say: Say, kernel: Kernel = "6.1"): Promise<Image> {
  const processor: Processor = kernel === "i386" ? "i386" : "x86_64";
  await ensureInstalled([...hostPackages, ...packagesFor(processor)], say);
  const built = await buildKernel(kernel, say);
  return {
    kernel: join(built, "vmlinux"),
    initrd: await buildRootInitrd(`testbed-initrd-${kernel}`, processor, built, say),
    dataDisk: await buildDataDisk(say),
    memoryMib: MEMORY_MIB,
  };
}

/** The whole user space is in it. */
async function buildRootInitrd(name: string, processor: Processor, kernel: string, say: Say): Promise<string> {
  const { daemon } = await buildGuest(processor, say);
  const programs = await buildPrograms(processor, say);
  const modules = join(kernel, "modules");

  const files = await userSpace(processor, say);
  const add = (to: string, from: string, executable = true) => files.set(to, { from, executable });
  add("init", join(here, "init"));
  add("lib/testbed/load", join(here, "load"));
  add("sbin/bernard-guest", daemon);
  for (const name of PROGRAMS) add(`lib/testbed/${name}`, join(programs, name));
  for (const name of await readdir(modules)) add(`lib/modules/${name}`, join(modules, name), false);
  return buildInitrd(name, files, say);
}

/** The disk of /data. */
export async function buildDataDisk(say: Say): Promise<string> {
  const options = ["-q", "-L", "data", "-b", "4096", "-J", "size=4", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
  const dir = await cached(
    {
      name: "testbed-data-disk",
      inputs: [...options, String(DATA_MIB)],
      build: async (dir) => {
        const raw = join(dir, "data.raw");
        await writeFile(raw, "");
        await truncate(raw, DATA_MIB * 1024 * 1024);
        await run("/sbin/mkfs.ext4", [...options, raw]);
        await run("qemu-img", ["convert", "-q", "-O", "qcow2", raw, join(dir, "data.qcow2")]);
        await run("rm", [raw]);
      },
    },
    say,
  );
  return join(dir, "data.qcow2");
}
