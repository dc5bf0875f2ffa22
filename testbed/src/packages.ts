/** The Debian packages that the testbed needs on the machine; what only the guest needs is unpacked, see image.ts. */
import { packagesFor } from "@bernard/guest/build";

export const hostPackages: readonly string[] = [
  "qemu-system-x86", // runs the guest
  "qemu-utils", // qemu-img: the data disk's overlays; qemu-nbd: storage that can be stopped
  "e2fsprogs", // mkfs.ext4: the data disk and the systemd guest's root
  "xfsprogs", // mkfs.xfs, and
  "btrfs-progs", // mkfs.btrfs: other data disks
  "debootstrap", // the systemd guest's root
  "xz-utils", // decompresses the kernel here, once, and not in every emulated boot
  "zstd", // and 6.12, which Debian compresses so,
  "lz4", // and the cloud kernel
  "ovmf", // UEFI for a guest
  "binutils", // strip, for the kernel's modules
  ...packagesFor("x86_64"), // bernard-guest itself; the test programs are built with the same compiler
];
