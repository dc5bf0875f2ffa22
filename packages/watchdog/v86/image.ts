/** What the v86 guest boots: Debian's i386 kernel as it is, busybox, the two drivers and bernard-guest. */
import { chmod, copyFile, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { buildGuest, packagesFor } from "@bernard/guest/build";
import { cached, ensureInstalled, kernelPackage, run, type Say, unpack } from "@bernard/tools";

export interface V86Image {
  readonly wasm: string;
  readonly bios: string;
  readonly vgaBios: string;
  readonly kernel: string;
  readonly initrd: string;
}

/** The shell on the serial port is the guest's only program; what it is told to do comes line by line. */
const INIT = `#!/bin/sh
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
stty -echo -onlcr < /dev/ttyS0
dmesg -n 1
echo READY
exec sh < /dev/ttyS0 > /dev/ttyS0 2>&1
`;

export async function buildV86Image(say: Say): Promise<V86Image> {
  await ensureInstalled(["seabios", "cpio", ...packagesFor("i386")], say);
  const kernel = await unpack("debian-kernel-686", async () => [await kernelPackage("linux-image-686:i386")], say);
  const busybox = await unpack("debian-busybox-i386", ["busybox-static:i386"], say);
  const { daemon } = await buildGuest("i386", say);
  const release = (await readdir(join(kernel, "lib/modules")))[0] as string;
  const drivers = join(kernel, "lib/modules", release, "kernel/drivers/watchdog");
  const files: Readonly<Record<string, string>> = {
    "bin/busybox": join(busybox, "bin/busybox"),
    "sbin/bernard-guest": daemon,
    "lib/modules/watchdog.ko": join(drivers, "watchdog.ko"),
    "lib/modules/i6300esb.ko": join(drivers, "i6300esb.ko"),
    "lib/modules/ib700wdt.ko": join(drivers, "ib700wdt.ko"),
  };
  const dir = await cached(
    {
      name: "v86-initrd",
      inputs: [INIT, ...Object.keys(files)],
      files: Object.values(files),
      build: async (dir) => {
        const root = join(dir, "root");
        for (const folder of ["bin", "sbin", "lib/modules", "dev", "proc", "sys", "run", "tmp", "etc"]) {
          await mkdir(join(root, folder), { recursive: true });
        }
        for (const [to, from] of Object.entries(files)) await copyFile(from, join(root, to));
        await symlink("busybox", join(root, "bin/sh"));
        await writeFile(join(root, "init"), INIT);
        for (const program of ["init", "bin/busybox", "sbin/bernard-guest"]) await chmod(join(root, program), 0o755);
        const names = (await readdir(root, { recursive: true })).toSorted();
        const archive = await run("cpio", ["--create", "--quiet", "--format=newc", "--owner=0:0"], {
          cwd: root,
          input: Buffer.from(names.map((name) => `${name}\n`).join("")),
        });
        await writeFile(join(dir, "initrd"), archive);
        await run("rm", ["-r", root]);
      },
    },
    say,
  );
  return {
    wasm: createRequire(import.meta.url).resolve("v86/build/v86.wasm"),
    bios: "/usr/share/seabios/bios.bin",
    vgaBios: "/usr/share/seabios/vgabios-stdvga.bin",
    kernel: join(kernel, "boot", `vmlinuz-${release}`),
    initrd: join(dir, "initrd"),
  };
}

/** A file's bytes as v86 takes them. */
export async function bufferOf(file: string): Promise<{ buffer: ArrayBuffer }> {
  const bytes = await readFile(file);
  return { buffer: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer };
}
