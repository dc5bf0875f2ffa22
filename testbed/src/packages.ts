/** The Debian packages that the testbed needs on the machine; what only the guest needs is unpacked, see image.ts. */
export const hostPackages: readonly string[] = [
  "qemu-system-x86", // runs the guest
  "qemu-utils", // qemu-img: the data disk's overlays
  "e2fsprogs", // mkfs.ext4: the data disk
  "xz-utils", // decompresses the kernel here, once, and not in every emulated boot
  "gcc", // the test programs, and (its binutils) strip for the kernel modules
  "musl-tools", // musl-gcc: the test programs are static and small
];
