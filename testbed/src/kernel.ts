/** Debian's kernel, made to boot fast under emulation: decompressed here and not in the guest, its modules stripped. */
import { copyFile, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached, kernelPackage, run, type Say, UserError, unpack } from "@bernard/tools";
import { dependenciesOf, loadOrder, moduleName } from "./modules.ts";

/** Modules loaded together, by the name under which `testbed/guest/init` and the faults ask for them. */
const GROUPS: Readonly<Record<string, readonly string[]>> = {
  // ext4 asks the crypto layer for crc32c by an alias, which no `depends` names.
  boot: ["virtio_pci", "virtio_blk", "virtio_console", "crc32c_generic", "ext4", "dm-mod"],
  i6300esb: ["i6300esb"],
  ib700: ["ib700wdt"],
  flakey: ["dm-flakey"],
};

/** Decompresses and strips on the first use; returns the folder: `vmlinux`, `release`, `modules/NAME.ko`, `modules/GROUP.list`. */
export async function buildKernel(say: Say): Promise<string> {
  const unpacked = await unpack("debian-kernel-amd64", async () => [await kernelPackage("amd64")], say);
  return cached(
    {
      name: "testbed-kernel",
      inputs: [unpacked],
      files: [import.meta.filename, join(import.meta.dirname, "modules.ts")],
      build: async (dir) => {
        const release = await releaseOf(unpacked);
        const image = await readFile(join(unpacked, "boot", `vmlinuz-${release}`));
        await writeFile(join(dir, "vmlinux"), await decompressed(image));
        await writeFile(join(dir, "release"), release);
        await collectModules(join(unpacked, "lib/modules", release), join(dir, "modules"));
      },
    },
    say,
  );
}

async function releaseOf(unpacked: string): Promise<string> {
  const files = await readdir(join(unpacked, "boot"));
  const image = files.find((file) => file.startsWith("vmlinuz-"));
  if (image === undefined) throw new UserError(`${unpacked} holds no kernel`, "run make clean and try again");
  return image.slice("vmlinuz-".length);
}

/**
 * The kernel proper out of a bzImage. QEMU boots it through its PVH entry point, which leaves out what takes an emulated
 * CPU three seconds.
 * Header fields: https://docs.kernel.org/arch/x86/boot.html (setup_sects, payload_offset, payload_length)
 */
async function decompressed(image: Buffer): Promise<Buffer> {
  const protectedMode = (image.readUInt8(0x1f1) + 1) * 512;
  const start = protectedMode + image.readUInt32LE(0x248);
  const payload = image.subarray(start, start + image.readUInt32LE(0x24c));
  // The payload ends with its decompressed size, which is none of xz's business.
  return run("xz", ["--decompress", "--stdout", "--single-stream"], { input: payload });
}

async function collectModules(from: string, to: string): Promise<void> {
  await mkdir(to);
  // modules.order: `kernel/drivers/block/virtio_blk.ko` a line
  const listed = (await readFile(join(from, "modules.order"), "utf8")).trim().split("\n");
  const files = new Map(listed.map((file) => [moduleName(file), join(from, file)]));
  const dependencies = new Map<string, readonly string[]>();
  const collect = async (name: string): Promise<void> => {
    if (dependencies.has(name)) return;
    const file = files.get(name);
    if (file === undefined)
      throw new UserError(`Debian's kernel has no module ${name}`, "run make clean and try again");
    dependencies.set(name, dependenciesOf(await readFile(file)));
    await copyFile(file, join(to, `${name}.ko`));
    await run("strip", ["--strip-unneeded", "--remove-section=.BTF", join(to, `${name}.ko`)]);
    for (const needed of dependencies.get(name)!) await collect(needed);
  };
  for (const [group, wanted] of Object.entries(GROUPS)) {
    for (const name of wanted) await collect(moduleName(name));
    const order = loadOrder(wanted, (name) => dependencies.get(name)!);
    await writeFile(join(to, `${group}.list`), `${order.join("\n")}\n`);
  }
}
