/** What the initramfs of each guest runs: busybox, dmsetup, and Debian's watchdog daemon, with their libraries. */
import { join } from "node:path";
import { type Say, unpack } from "@bernard/tools";
import type { GuestFile } from "./initrd.ts";

/** Of these only {@link FILES} are taken. */
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
const FILES: Readonly<Record<string, string>> = {
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

/** The files by their path in the guest, for the caller to add to. */
export async function userSpace(say: Say): Promise<Map<string, GuestFile>> {
  const debian = await unpack("debian-testbed", PACKAGES, say);
  return new Map(Object.entries(FILES).map(([to, from]) => [to, { from: join(debian, from), executable: true }]));
}
