/** Builds the test guest: kernel, initramfs and data disk, each kept until something that it is made of changes. */
import { truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildGuest, packagesFor } from "@bernard/guest/build";
import { cached, ensureInstalled, run, type Say } from "@bernard/tools";
import { buildInitrd } from "./initrd.ts";
import { buildKernel, type FileSystem, type Kernel, modulesFor } from "./kernel.ts";
import { hostPackages } from "./packages.ts";
import { buildPrograms, PROGRAMS } from "./programs.ts";
import { type Processor, userSpace } from "./user-space.ts";

export interface Image {
  /** An uncompressed kernel with a PVH entry point, for QEMU's `-kernel`. */
  readonly kernel: string;
  /** The same as a bzImage, which UEFI can boot. */
  readonly bzImage: string;
  readonly initrd: string;
  /** A qcow2 with the file system of /data; put an overlay over it, never write to it. */
  readonly dataDisk: string;
  readonly fileSystem: FileSystem;
  /** A qcow2 with the root file system, likewise; without it the guest lives in its initramfs. */
  readonly rootDisk?: string;
  /** What the guest gets where nobody says otherwise. */
  readonly memoryMib: number;
  /** What its kernel is told besides. */
  readonly kernelArguments?: string;
}

const here = join(import.meta.dirname, "../guest");

/** How the file system of /data is made, and on how many MiB: little more than the least that it takes. */
const MKFS: Readonly<Record<FileSystem, { readonly mib: number; readonly command: readonly [string, ...string[]] }>> = {
  ext4: {
    mib: 128,
    command: [
      "/sbin/mkfs.ext4",
      ...["-q", "-L", "data", "-b", "4096", "-J", "size=4", "-E", "lazy_itable_init=0,lazy_journal_init=0"],
    ],
  },
  xfs: { mib: 320, command: ["/sbin/mkfs.xfs", "-q", "-L", "data"] },
  btrfs: { mib: 256, command: ["/sbin/mkfs.btrfs", "-q", "-L", "data"] },
};

/** Enough for the kernel, the initramfs and 100 MiB besides. */
const MEMORY_MIB = 192;

/** Installs, downloads and builds what is missing. */
export async function buildImage(say: Say, kernel: Kernel = "6.1", fileSystem: FileSystem = "ext4"): Promise<Image> {
  const processor: Processor = kernel === "i386" ? "i386" : "x86_64";
  await ensureInstalled([...hostPackages, ...packagesFor(processor)], say);
  const built = await buildKernel(kernel, say);
  return {
    kernel: join(built, "vmlinux"),
    bzImage: join(built, "vmlinuz"),
    initrd: await buildRootInitrd(`testbed-initrd-${kernel}-${fileSystem}`, processor, built, fileSystem, say),
    dataDisk: await buildDataDisk(fileSystem, say),
    fileSystem,
    memoryMib: MEMORY_MIB,
  };
}

/** The whole user space is in it. */
async function buildRootInitrd(
  name: string,
  processor: Processor,
  kernel: string,
  fileSystem: FileSystem,
  say: Say,
): Promise<string> {
  const { daemon } = await buildGuest(processor, say);
  const programs = await buildPrograms(processor, say);
  const files = await userSpace(processor, say);
  const add = (to: string, from: string, executable = true) => files.set(to, { from, executable });
  add("init", join(here, "init"));
  add("lib/testbed/load", join(here, "load"));
  add("sbin/bernard-guest", daemon);
  for (const name of PROGRAMS) add(`lib/testbed/${name}`, join(programs, name));
  for (const name of await modulesFor(fileSystem, kernel)) {
    add(`lib/modules/${name}`, join(kernel, "modules", name), false);
  }
  return buildInitrd(name, files, say);
}

/** The disk of /data. */
export async function buildDataDisk(fileSystem: FileSystem, say: Say): Promise<string> {
  const { mib, command } = MKFS[fileSystem];
  const [mkfs, ...options] = command;
  const dir = await cached(
    {
      name: `testbed-data-disk-${fileSystem}`,
      inputs: [...options, String(mib)],
      build: async (dir) => {
        const raw = join(dir, "data.raw");
        await writeFile(raw, "");
        await truncate(raw, mib * 1024 * 1024);
        await run(mkfs, [...options, raw]);
        await run("qemu-img", ["convert", "-q", "-O", "qcow2", raw, join(dir, "data.qcow2")]);
        await run("rm", [raw]);
      },
    },
    say,
  );
  return join(dir, "data.qcow2");
}
