/** Which file systems are watched: those that the configuration names, or root and the local ones of /etc/fstab. */
import type { FstabEntry } from "../../kernel/fstab.ts";
import type { Mount } from "../../kernel/mountinfo.ts";

/** Types of file systems on a disk of this guest. An EFI partition (vfat) is not among them: a guest lives without writing to it. */
const LOCAL = ["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "jfs"];

/** Root on one of these is not on a disk: a live system, an initramfs. */
const DISKLESS = ["rootfs", "tmpfs", "ramfs", "squashfs", "iso9660"];

/** By one of these an administrator says that the guest does without, or that it is no file system to write to. */
const SPARED = ["noauto", "nofail", "ro", "bind", "rbind", "x-systemd.automount", "_netdev"];

/** Root, and what fstab mounts at boot from disks of this guest and without which it would not boot. */
export function automaticPoints(root: Mount | undefined, fstab: readonly FstabEntry[]): string[] {
  const points = root !== undefined && DISKLESS.includes(root.type) ? [] : ["/"];
  for (const { point, type, options } of fstab) {
    if (!LOCAL.includes(type) || points.includes(point)) continue;
    if (point !== "/" && !options.some((option) => SPARED.includes(option))) points.push(point);
  }
  return points;
}

/** The longest of `points` that `directory` lies under. */
export function ownerOf(directory: string, points: readonly string[]): string | undefined {
  const owners = points.filter((point) => point === "/" || `${directory}/`.startsWith(`${point}/`));
  return owners.sort((a, b) => b.length - a.length)[0];
}

/** File systems of somebody else: a server, another process, the host. */
const REMOTE = ["nfs", "nfs4", "cifs", "smb3", "ceph", "9p", "virtiofs", "afs", "glusterfs", "lustre", "gfs2", "ocfs2"];

/** What runs in containers, and what Kubernetes mounts for them (CSI), lies below these. */
const CONTAINERS = [
  "/var/lib/docker/",
  "/var/lib/containers/",
  "/var/lib/kubelet/",
  "/run/containerd/",
  "/run/docker/",
];

const REMOVABLE = ["/media/", "/run/media/"];

/** Whether a reset of this guest is no answer to the trouble of a file system: it is not the guest's own, or not for long. */
export function isForeign(point: string, type: string): boolean {
  if (REMOTE.includes(type) || type === "fuse" || type.startsWith("fuse.")) return true;
  return [...CONTAINERS, ...REMOVABLE].some((folder) => point.startsWith(folder));
}
