/** Builds the test guest: kernel, initramfs and data disk, each kept until something that it is made of changes. */
import { readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { buildGuest } from "@bernard/guest/build";
import { cached, ensureInstalled, run, type Say, unpack } from "@bernard/tools";
import { cpio, type Entry } from "./cpio.ts";
import { buildKernel } from "./kernel.ts";
import { hostPackages } from "./packages.ts";

export interface Image {
  /** An uncompressed kernel with a PVH entry point, for QEMU's `-kernel`. */
  readonly kernel: string;
  readonly initrd: string;
  /** A qcow2 with an ext4 labelled `data`; put an overlay over it, never write to it. */
  readonly dataDisk: string;
}

const here = join(import.meta.dirname, "../guest");

const DATA_MIB = 128;

/** Debian packages of which the guest gets {@link USER_SPACE}. */
const PACKAGES = [
  "busybox-static",
  "dmsetup",
  "watchdog",
  "libc6",
  "libdevmapper1.02.1",
  "libselinux1",
  "libudev1",
  "libpcre2-8-0",
];

/** Path in the guest -> path in the unpacked packages. */
const USER_SPACE: Readonly<Record<string, string>> = {
  "bin/busybox": "bin/busybox",
  "sbin/dmsetup": "sbin/dmsetup",
  "usr/sbin/watchdog": "usr/sbin/watchdog",
  "lib64/ld-linux-x86-64.so.2": "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
  "lib/libc.so.6": "lib/x86_64-linux-gnu/libc.so.6",
  "lib/libm.so.6": "lib/x86_64-linux-gnu/libm.so.6",
  "lib/libdevmapper.so.1.02.1": "lib/x86_64-linux-gnu/libdevmapper.so.1.02.1",
  "lib/libselinux.so.1": "lib/x86_64-linux-gnu/libselinux.so.1",
  "lib/libudev.so.1": "usr/lib/x86_64-linux-gnu/libudev.so.1",
  "lib/libpcre2-8.so.0": "usr/lib/x86_64-linux-gnu/libpcre2-8.so.0",
};

/** Installs, downloads and builds what is missing. */
export async function buildImage(say: Say): Promise<Image> {
  await ensureInstalled(hostPackages, say);
  const kernel = await buildKernel(say);
  const dataDisk = await buildDataDisk(say);
  return {
    kernel: join(kernel, "vmlinux"),
    initrd: join(await buildInitrd(kernel, say), "initrd"),
    dataDisk: join(dataDisk, "data.qcow2"),
  };
}

async function buildInitrd(kernel: string, say: Say): Promise<string> {
  const debian = await unpack("debian-testbed", PACKAGES, say);
  const { daemon } = await buildGuest("x86_64", say);
  const programs = await buildPrograms(say);
  const modules = join(kernel, "modules");

  const files = new Map<string, { from: string; executable: boolean }>();
  const add = (to: string, from: string, executable = true) => files.set(to, { from, executable });
  for (const [to, from] of Object.entries(USER_SPACE)) add(to, join(debian, from));
  add("init", join(here, "init"));
  add("lib/testbed/load", join(here, "load"));
  add("sbin/bernard-guest", daemon);
  for (const name of PROGRAMS) add(`lib/testbed/${name}`, join(programs, name));
  for (const name of await readdir(modules)) add(`lib/modules/${name}`, join(modules, name), false);

  return cached(
    {
      name: "testbed-initrd",
      inputs: [...files.keys()],
      files: [
        ...[...files.values()].map(({ from }) => from),
        join(import.meta.dirname, "cpio.ts"),
        import.meta.filename,
      ],
      build: async (dir) => {
        const entries = new Map<string, Entry>([
          ["bin/sh", { kind: "link", target: "busybox" }],
          ["dev", { kind: "directory" }],
          ["etc", { kind: "directory" }],
        ]);
        for (const [to, { from, executable }] of files) {
          entries.set(to, { kind: "file", data: await readFile(from), executable });
        }
        // Uncompressed: to read more is cheaper than to decompress on an emulated CPU.
        await writeFile(join(dir, "initrd"), cpio(entries));
      },
    },
    say,
  );
}

const PROGRAMS = ["control", "hog"];

function buildPrograms(say: Say): Promise<string> {
  const sources = PROGRAMS.map((name) => join(here, `${name}.c`));
  // musl-gcc hides the kernel's headers with glibc's; -idirafter brings them back behind musl's own.
  const options = [
    "-static",
    "-Os",
    "-s",
    "-Wall",
    "-Wextra",
    "-Wshadow",
    "-Werror",
    "-idirafter",
    "/usr/include",
    "-idirafter",
    "/usr/include/x86_64-linux-gnu",
  ];
  return cached(
    {
      name: "testbed-programs",
      inputs: options,
      files: sources,
      build: async (dir) => {
        for (const source of sources)
          await run("musl-gcc", [...options, "-o", join(dir, basename(source, ".c")), source]);
      },
    },
    say,
  );
}

function buildDataDisk(say: Say): Promise<string> {
  const options = ["-q", "-L", "data", "-b", "4096", "-J", "size=4", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
  return cached(
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
}
