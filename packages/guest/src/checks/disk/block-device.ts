/** The block device under a file system, as /sys/block shows it: its name, and whether the kernel has given it up. */
import { decode, numberAt } from "../../bytes.ts";
import type { Mount } from "../../kernel/mountinfo.ts";
import type { Platform } from "../../platform.ts";

/** What a device is mounted by where the file system has a number of its own making (Btrfs): `/dev/vdb`, `/dev/mapper/data`. */
const DEVICES = "/dev/";

export class BlockDevice {
  /** The kernel's own name, `vda1`, which its messages, /sys/fs and /dev use too. */
  readonly name: string;
  readonly #platform: Platform;
  /** The disk itself comes first; a partition has some facts only in the folder of its disk. */
  readonly #folders: readonly string[];
  readonly #ailsAtStart: string;

  private constructor(name: string, platform: Platform) {
    this.name = name;
    this.#platform = platform;
    const folder = `/sys/class/block/${name}`;
    this.#folders = [folder, `${folder}/..`];
    this.#ailsAtStart = this.#ails();
  }

  /** The device under a mount; undefined where there is none: memory, a server, a device that sysfs does not know. */
  static under(mount: Mount, platform: Platform): BlockDevice | undefined {
    const name =
      lastPart(platform.readLink(`/sys/dev/block/${mount.device}`)) ??
      (mount.source.startsWith(DEVICES)
        ? (lastPart(platform.readLink(mount.source)) ?? lastPart(mount.source))
        : undefined);
    return name === undefined ? undefined : new BlockDevice(name, platform);
  }

  /** What is wrong with it by sysfs, for people; empty when nothing is, or nothing that was not so at start. */
  ailsNow(): string {
    const ails = this.#ails();
    return ails === this.#ailsAtStart ? "" : ails;
  }

  #ails(): string {
    if (this.#read("ro")?.[0] === 49) return `${this.name} is set read-only`;
    // SCSI only: `running`, `offline`, `transport-offline`, `blocked`...
    const state = this.#read("device/state");
    const text = state === undefined ? "" : decode(state).trim();
    return text.endsWith("offline") || text === "blocked" ? `${this.name} is ${text}` : "";
  }

  /** A stick, a card, a disk of a USB case. */
  get isRemovable(): boolean {
    const removable = this.#read("removable");
    return removable !== undefined && numberAt(removable, 0) === 1;
  }

  #read(file: string): Uint8Array | undefined {
    for (const folder of this.#folders) {
      const bytes = this.#platform.readFile(`${folder}/${file}`);
      if (bytes !== undefined) return bytes;
    }
    return undefined;
  }
}

function lastPart(path: string | undefined): string | undefined {
  return path?.slice(path.lastIndexOf("/") + 1);
}
