/** What the initramfs of each guest runs: busybox, dmsetup, and Debian's watchdog daemon, with their libraries. */
import { basename, join } from "node:path";
import { type Say, unpack } from "@bernard/tools";
import type { GuestFile } from "./initrd.ts";

/** Of these only {@link filesFor} are taken. */
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

/** How Debian names a processor, its paths, and where programs look for their loader. */
const DEBIAN = {
  x86_64: { arch: "amd64", triplet: "x86_64-linux-gnu", loader: "lib64/ld-linux-x86-64.so.2" },
  i386: { arch: "i386", triplet: "i386-linux-gnu", loader: "lib/ld-linux.so.2" },
} as const;

export type Processor = keyof typeof DEBIAN;

/** Path in the guest -> path in the unpacked packages. */
function filesFor(processor: Processor): Readonly<Record<string, string>> {
  const { triplet, loader } = DEBIAN[processor];
  return {
    "bin/busybox": "bin/busybox",
    "sbin/dmsetup": "sbin/dmsetup",
    "usr/sbin/watchdog": "usr/sbin/watchdog",
    [loader]: `lib/${triplet}/${basename(loader)}`,
    "lib/libc.so.6": `lib/${triplet}/libc.so.6`,
    "lib/libm.so.6": `lib/${triplet}/libm.so.6`,
    "lib/libdevmapper.so.1.02.1": `lib/${triplet}/libdevmapper.so.1.02.1`,
    "lib/libselinux.so.1": `lib/${triplet}/libselinux.so.1`,
    "lib/libudev.so.1": `usr/lib/${triplet}/libudev.so.1`,
    "lib/libpcre2-8.so.0": `usr/lib/${triplet}/libpcre2-8.so.0`,
  };
}

/** The files by their path in the guest, for the caller to add to. */
export async function userSpace(processor: Processor, say: Say): Promise<Map<string, GuestFile>> {
  const { arch } = DEBIAN[processor];
  const packages = PACKAGES.map((name) => `${name}:${arch}`);
  const debian = await unpack(`debian-testbed-${arch}`, packages, say);
  return new Map(
    Object.entries(filesFor(processor)).map(([to, from]) => [to, { from: join(debian, from), executable: true }]),
  );
}
