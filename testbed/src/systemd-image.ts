/** Builds the guest that an operator would know: Debian 12 with systemd, its disks under device-mapper as the small guest's. */
import { cp, mkdir, readdir, readFile, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { cached, debootstrap, ensureInstalled, run, runInScratch, type Say } from "@bernard/tools";
import { buildDataDisk, type Image } from "./image.ts";
import { buildInitrd } from "./initrd.ts";
import { bootModules, buildKernel, type Kernel } from "./kernel.ts";
import { hostPackages } from "./packages.ts";
import { buildPrograms, PROGRAMS } from "./programs.ts";
import { userSpace } from "./user-space.ts";

const here = join(import.meta.dirname, "../guest/systemd");

/** What a guest may have besides, and what that needs. */
interface Besides {
  /** Names the image. */
  readonly name: string;
  /** Debian packages. */
  readonly packages: readonly string[];
  readonly rootMib: number;
  readonly memoryMib: number;
}

const PACKAGES = ["systemd", "systemd-sysv", "udev", "kmod", "e2fsprogs", "procps", "dmsetup"];

/** systemd, udev and the journal take some 60 MiB more than the small guest. */
const NOTHING: Besides = { name: "", packages: [], rootMib: 1024, memoryMib: 256 };

/** Units that such a guest has no use for and whose start an emulated processor feels. */
const MASKED = [
  "apt-daily-upgrade.timer",
  "apt-daily.timer",
  "dev-hugepages.mount",
  "dev-mqueue.mount",
  "dpkg-db-backup.timer",
  "e2scrub_all.timer",
  "e2scrub_reap.service",
  "fstrim.timer",
  "getty-static.service",
  "getty@tty1.service",
  "modprobe@configfs.service",
  "modprobe@dm_mod.service",
  "modprobe@drm.service",
  "modprobe@efi_pstore.service",
  "modprobe@fuse.service",
  "modprobe@loop.service",
  "proc-sys-fs-binfmt_misc.automount",
  "serial-getty@ttyS0.service",
  "sys-kernel-debug.mount",
  "sys-kernel-tracing.mount",
  "systemd-logind.service", // wants D-Bus, which is not there
  "systemd-random-seed.service", // waits seconds for randomness
];

/** $1: an empty folder  $2: the root as a tar  $3: what is put over it  $4: the kernel's release  $5: the image  $6: its MiB */
const SCRIPT = `
tar --extract --file="$2" --directory="$1"
cp --recursive --no-dereference --preserve=mode "$3/." "$1"
mkdir "$1/data"
chroot "$1" depmod "$4"
chroot "$1" systemctl --quiet enable testbed-control.service
truncate --size="$6"M "$5"
mke2fs -q -t ext4 -L root -E lazy_itable_init=0,lazy_journal_init=0 -d "$1" "$5"
`;

/** Installs, downloads and builds what is missing. */
export async function buildSystemdImage(
  say: Say,
  kernelName: Exclude<Kernel, "i386"> = "6.1",
  besides: Besides = NOTHING,
): Promise<Image> {
  await ensureInstalled(hostPackages, say);
  const kernel = await buildKernel(kernelName, say);
  return {
    kernel: join(kernel, "vmlinux"),
    bzImage: join(kernel, "vmlinuz"),
    initrd: await buildBootInitrd(`systemd-initrd-${kernelName}`, kernel, say),
    dataDisk: await buildDataDisk("ext4", say),
    fileSystem: "ext4",
    rootDisk: await buildRootDisk(`systemd-root-${kernelName}${besides.name}`, kernel, besides, say),
    memoryMib: besides.memoryMib,
  };
}

/** Brings the root file system up, no more. */
async function buildBootInitrd(name: string, kernel: string, say: Say): Promise<string> {
  const files = await userSpace("x86_64", say);
  files.set("init", { from: join(here, "init"), executable: true });
  files.set("lib/testbed/load", { from: join(here, "../load"), executable: true });
  for (const name of await bootModules(kernel)) {
    files.set(`lib/modules/${name}`, { from: join(kernel, "modules", name), executable: false });
  }
  return buildInitrd(name, files, say);
}

async function buildRootDisk(
  name: string,
  kernel: string,
  { name: more, packages, rootMib }: Besides,
  say: Say,
): Promise<string> {
  const root = await debootstrap("bookworm", [...PACKAGES, ...packages], say, `root${more}`);
  const programs = await buildPrograms("x86_64", say);
  const release = await readFile(join(kernel, "release"), "utf8");
  const dir = await cached(
    {
      name,
      inputs: [root, kernel, programs, String(rootMib)],
      files: [join(here, "root"), import.meta.filename],
      build: async (dir) => {
        const layer = join(dir, "layer");
        const raw = join(dir, "root.raw");
        await layOver(layer, kernel, release, programs);
        const args = [root, layer, release, raw, String(rootMib)];
        await runInScratch(dir, SCRIPT, args, "run make clean and try again");
        await run("qemu-img", ["convert", "-q", "-O", "qcow2", raw, join(dir, "root.qcow2")]);
        await rm(layer, { recursive: true });
        await rm(raw);
      },
    },
    say,
  );
  return join(dir, "root.qcow2");
}

/** What is ours in the root: its configuration, the kernel's modules, the test programs. */
async function layOver(layer: string, kernel: string, release: string, programs: string): Promise<void> {
  await cp(join(here, "root"), layer, { recursive: true });
  const modules = join(layer, "usr/lib/modules", release, "kernel");
  await mkdir(modules, { recursive: true });
  for (const name of await readdir(join(kernel, "modules"))) {
    const to = name.endsWith(".list") ? join(layer, "usr/lib/testbed") : modules;
    await cp(join(kernel, "modules", name), join(to, name));
  }
  for (const name of PROGRAMS) await cp(join(programs, name), join(layer, "usr/lib/testbed", name));
  for (const unit of MASKED) await symlink("/dev/null", join(layer, "etc/systemd/system", unit));
}
