/**
 * A file system no longer writes: it refuses, or it hangs.
 *
 * Only a real create + write + fsync tells. On kernels 6.1 and 6.12 an ext4 in error state still shows `rw` and statvfs
 * calls it writable; mount flags only explain. The probe runs in a child, rarely, and at once when a cheap sign asks for it:
 * ext4's errors_count in sysfs, read each round, and compared with its value at start, for the count survives a reset; the
 * kernel's messages; the block device's state.
 *
 * Not failures: read-only by intent (never writable since start, or an administrator's remount, which sets the mount's own
 * flag), a full disk (a reset frees nothing), a killed probe (it is forked anew), and a freeze for a backup: the probe then
 * sleeps in percpu_rwsem_wait, or qemu-ga has left its mark, while on a dead device it sleeps in the journal or the device.
 * Not cured by a reset: storage that is down, which is waited for.
 */
import { decode } from "../bytes.ts";
import type { CheckKind } from "../check.ts";
import type { Settings } from "../config.ts";
import { ENDS, type End } from "../end.ts";
import { parseFstab } from "../kernel/fstab.ts";
import { type Mount, MountSearch } from "../kernel/mountinfo.ts";
import type { Platform } from "../platform.ts";
import { DiskCheck } from "./disk/disk-check.ts";
import { automaticPoints, ownerOf } from "./disk/points.ts";

const AUTO = "auto";
const MOST_POINTS = 32;

export const disk: CheckKind = {
  keys: [
    {
      name: "disk",
      type: "paths",
      word: AUTO,
      most: MOST_POINTS,
      fallback: [AUTO],
      help: "mount point of a file system that must take writes; auto: root, and local ones of /etc/fstab without nofail or noauto; none: no disk is watched",
    },
    {
      name: "disk-probe-interval",
      type: "number",
      unit: "seconds",
      min: 1,
      max: 3600,
      fallback: 30,
      help: "time between two write probes while nothing looks wrong",
    },
    {
      name: "disk-hold",
      type: "number",
      unit: "seconds",
      min: 0,
      max: 3600,
      fallback: 30,
      help: "writes must be refused for this long; where ext4 counted errors, or a file system was shut down, once is enough",
    },
    {
      name: "hang-hold",
      type: "number",
      unit: "seconds",
      min: 5,
      max: 3600,
      fallback: 120,
      help: "a write must hang for this long (a SAN fails over in 60-120 s)",
    },
    {
      name: "freeze-limit",
      type: "number",
      unit: "seconds",
      min: 0,
      max: 86400,
      fallback: 900,
      help: "a freeze (backup) is forgiven for this long, and ended then",
    },
    {
      name: "storage-wait",
      type: "number",
      unit: "seconds",
      min: 0,
      max: 86400,
      fallback: 600,
      help: "storage that cannot be read either is waited for this long, for no reset cures it",
    },
    {
      name: "disk-end",
      type: "choice",
      options: [AUTO, ...ENDS],
      fallback: AUTO,
      help: "what follows when disk has failed; auto: alarm for network, container and removable ones, else starve",
    },
  ],
  create({ settings, platform, signs, use }) {
    const seconds = (key: string) => settings.number(key) * 1000;
    const limits = {
      hold: seconds("disk-hold"),
      probeInterval: seconds("disk-probe-interval"),
      hangHold: seconds("hang-hold"),
      freezeLimit: seconds("freeze-limit"),
      storageWait: seconds("storage-wait"),
      end: settings.choice("disk-end") as End | typeof AUTO,
    };
    const points = watchedPoints(settings, platform);
    const directory = settings.path("state-directory");
    const keeper = directory === "none" ? undefined : ownerOf(directory, points);
    return points.map(
      (point) => new DiskCheck(point, { ...limits, keepsLastWords: point === keeper }, platform, signs, use),
    );
  },
};

/** Mount points of `disk`. The daemon reads fstab here, itself: it is not yet, or no longer for a moment, the feeder of a device. */
export function watchedPoints(settings: Settings, platform: Platform): readonly string[] {
  const named = settings.paths("disk");
  if (!named.includes(AUTO)) return named;
  const bytes = platform.readFile("/etc/fstab");
  const fstab = bytes === undefined ? [] : parseFstab(decode(bytes)); // at once: the bytes are valid until the next call
  const devices = new Set<string>();
  const automatic = automaticPoints(findMount("/", platform), fstab).filter((point) => {
    // Btrfs' subvolumes are one file system, and one probe tells of all.
    const device = findMount(point, platform)?.device ?? point;
    const isNew = !devices.has(device);
    devices.add(device);
    return isNew;
  });
  const others = named.filter((point) => point !== AUTO && !automatic.includes(point));
  return [...automatic, ...others].slice(0, MOST_POINTS);
}

function findMount(point: string, platform: Platform): Mount | undefined {
  const search = new MountSearch(point);
  platform.readChunks("/proc/self/mountinfo", (chunk) => search.take(chunk));
  return search.found;
}
