/** Debian's kernels, made to boot fast under emulation: decompressed here and not in the guest, the modules stripped. */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached, kernelPackage, run, type Say, UserError, unpack } from "@bernard/tools";
import { type Modules, modulesOf, releaseOf } from "./kernel-package.ts";
import { dependenciesOf, loadOrder, moduleName } from "./modules.ts";

/** The meta packages of the kernels that a guest can have: Debian 12's own, the one of Debian 13, Debian 12's for clouds and for i386. */
const META = {
  "6.1": "linux-image-amd64",
  "6.12": "linux-image-amd64/bookworm-backports",
  cloud: "linux-image-cloud-amd64",
  i386: "linux-image-686-pae:i386",
} as const;

export type Kernel = keyof typeof META;

export const KERNELS = Object.keys(META) as readonly Kernel[];

/** File systems that /data can have. The modules of one that is not the guest's stay outside: what is in an initramfs takes memory. */
const FILE_SYSTEMS = ["ext4", "xfs", "btrfs"] as const;
export type FileSystem = (typeof FILE_SYSTEMS)[number];

/** Modules loaded together, by the name under which `testbed/guest/init` and the faults ask for them. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  // ext4 asks the crypto layer for crc32c by an alias, which no `depends` names.
  boot: ["virtio_pci", "virtio_blk", "virtio_console", "crc32c_generic", "ext4", "dm-mod"],
  i6300esb: ["i6300esb"],
  ib700: ["ib700wdt"],
  itco: ["lpc_ich", "iTCO_wdt"],
  wdat: ["wdat_wdt"],
  softdog: ["softdog"],
  pretimeout: ["pretimeout_noop"],
  network: ["virtio_net"],
  flakey: ["dm-flakey"],
  ext4: [],
  xfs: ["xfs"],
  btrfs: ["btrfs"],
};

/** The groups that a kernel has no modules for. */
const WITHOUT: Partial<Readonly<Record<Kernel, readonly string[]>>> = { cloud: ["i6300esb", "ib700", "itco"] };

/** Decompresses and strips on the first use; returns the folder: `vmlinuz`, `vmlinux`, `release`, `modules/NAME.ko`, `modules/GROUP.list`. */
export async function buildKernel(kernel: Kernel, say: Say): Promise<string> {
  const unpacked = await unpack(`debian-kernel-${kernel}`, async () => [await kernelPackage(META[kernel])], say);
  return cached(
    {
      name: `testbed-kernel-${kernel}`,
      inputs: [unpacked],
      files: ["kernel.ts", "kernel-package.ts", "modules.ts"].map((name) => join(import.meta.dirname, name)),
      build: async (dir) => {
        const release = await releaseOf(unpacked);
        const image = await readFile(join(unpacked, "boot", `vmlinuz-${release}`));
        await writeFile(join(dir, "vmlinuz"), image);
        await writeFile(join(dir, "vmlinux"), await decompressed(image));
        await writeFile(join(dir, "release"), release);
        const groups = Object.entries(GROUPS).filter(([group]) => !WITHOUT[kernel]?.includes(group));
        await collectModules(await modulesOf(unpacked, release), join(dir, "modules"), groups);
      },
    },
    say,
  );
}

/**
 * The kernel proper out of a bzImage. QEMU boots it through its PVH entry point, which leaves out what takes an emulated
 * CPU three seconds.
 * Header fields: https://docs.kernel.org/arch/x86/boot.html (setup_sects, payload_offset, payload_length)
 */
async function decompressed(image: Buffer): Promise<Buffer> {
  const protectedMode = (image.readUInt8(0x1f1) + 1) * 512;
  const start = protectedMode + image.readUInt32LE(0x248);
  // The payload ends with its decompressed size, 4 bytes, which is none of the decompressor's business.
  const payload = image.subarray(start, start + image.readUInt32LE(0x24c) - 4);
  const command = DECOMPRESSORS.get(payload.readUInt32LE(0)) ?? "xz";
  return run(command, ["--decompress", "--stdout"], { input: payload });
}

/** By what such a stream starts with: RFC 8878, 3.1.1; the LZ4 frame format's "legacy frame". */
const DECOMPRESSORS = new Map([
  [0xfd2fb528, "zstd"],
  [0x184c2102, "lz4"],
]);

async function collectModules(
  from: Modules,
  to: string,
  groups: readonly (readonly [string, readonly string[]])[],
): Promise<void> {
  await mkdir(to);
  const dependencies = new Map<string, readonly string[]>();
  const collect = async (name: string): Promise<void> => {
    if (dependencies.has(name)) return;
    const module = await from.read(name);
    if (module === undefined)
      throw new UserError(`Debian's kernel has no module ${name}`, "run make clean and try again");
    dependencies.set(name, dependenciesOf(module));
    await writeFile(join(to, `${name}.ko`), module);
    await run("strip", ["--strip-unneeded", "--remove-section=.BTF", join(to, `${name}.ko`)]);
    for (const needed of dependencies.get(name)!) await collect(needed);
  };
  for (const [group, all] of groups) {
    const wanted = all.map(moduleName).filter((name) => !from.isBuiltIn(name));
    for (const name of wanted) await collect(name);
    const order = loadOrder(wanted, (name) => dependencies.get(name)!);
    await writeFile(join(to, `${group}.list`), order.map((name) => `${name}\n`).join(""));
  }
}

/** The files among a built kernel's modules that a guest needs whose /data has this file system. */
export async function modulesFor(fileSystem: FileSystem, kernel: string): Promise<string[]> {
  const folder = join(kernel, "modules");
  const others: readonly string[] = FILE_SYSTEMS.filter((other) => other !== fileSystem).map(
    (other) => `${other}.list`,
  );
  return filesFor(
    (await readdir(folder)).filter((name) => name.endsWith(".list") && !others.includes(name)),
    folder,
  );
}

/** Those that bring the disks up, for an initramfs that does no more. */
export function bootModules(kernel: string): Promise<string[]> {
  return filesFor(["boot.list"], join(kernel, "modules"));
}

/** The lists, and the modules that they name. */
async function filesFor(lists: readonly string[], folder: string): Promise<string[]> {
  const modules = new Set<string>();
  for (const list of lists) {
    for (const name of (await readFile(join(folder, list), "utf8")).split("\n")) if (name !== "") modules.add(name);
  }
  return [...lists, ...[...modules].map((name) => `${name}.ko`)];
}
