/** Disks: what is certain, what only alarms, what waits for its storage, and which ones are watched. */

import { automaticPoints } from "../../src/checks/disk/points.ts";
import { disk } from "../../src/checks/disk.ts";
import { kernelLog } from "../../src/checks/kernel-log.ts";
import { parseFstab } from "../../src/kernel/fstab.ts";
import { OK } from "../scripted.ts";
import { suite } from "../vector.ts";
import { tellTogether, type Watched } from "./tell.ts";

const mount = (type: string, flags = "rw", own = "rw", point = "/data", device = "254:0") =>
  `25 21 ${device} / ${point} ${own},relatime - ${type} /dev/vda ${flags}\n`;
const MOUNTS = "/proc/self/mountinfo";
const ERRORS = "/sys/fs/ext4/vda/errors_count";
const RO = "/sys/class/block/vda/ro";
const STATE = "/sys/class/block/vda/device/state";

const healthy = {
  [MOUNTS]: mount("ext4"),
  "/sys/dev/block/254:0": "../../devices/virtio0/block/vda",
  [ERRORS]: "7\n",
  [RO]: "0\n",
  [STATE]: "running\n",
};
const CONFIG =
  "disk = /data\ndisk-hold = 20\nhang-hold = 30\nfreeze-limit = 60\nstorage-wait = 100\nstate-directory = none\n";

const REFUSED = { step: "create", errno: 30 } as const;
const FAILED = { step: "sync", errno: 5 } as const;
const DEAD = { status: 5, output: "" };
const ALIVE = { status: 0, output: "" };
const READ = "readDevice vda";
const SHUTDOWN =
  "1,900,99,-;XFS (vda): Log I/O Error (0x2) detected at xlog_ioend_work+0x6d/0x80 [xfs] (fs/xfs/xfs_log.c:1378).  Shutting down filesystem.\n";

const looks = ({ config = "", ...rest }: Watched) =>
  tellTogether(kernelLog, disk)({ config: CONFIG + config, files: healthy, ...rest });

export const evidence = suite("disk: certain evidence needs no hold time, uncertain does:", looks, [
  [
    "ext4 counted errors and refuses",
    { changes: [{ at: 4, files: { [ERRORS]: "9\n" }, probe: REFUSED }], until: 30 },
    [
      "5: disk:/data failing: /data refuses writes: EROFS at create, errors_count 7 -> 9; mounted rw",
      "6: disk:/data failed: /data refuses writes: EROFS at create, errors_count 7 -> 9; mounted rw",
    ],
  ],
  [
    "ext4 refuses, and counted nothing: found at the next probe",
    { changes: [{ at: 4, probe: REFUSED }], until: 52 },
    [
      "31: disk:/data failing: /data refuses writes: EROFS at create; mounted rw",
      "51: disk:/data failed: /data refuses writes: EROFS at create; mounted rw",
    ],
  ],
  [
    "what is full from the start on is not read-only by intent, and may die like any other",
    {
      changes: [
        { at: 0, probe: { step: "write", errno: 28 } },
        { at: 4, probe: FAILED },
      ],
      until: 52,
    },
    [
      "31: disk:/data failing: /data refuses writes: EIO at sync; mounted rw",
      "51: disk:/data failed: /data refuses writes: EIO at sync; mounted rw",
    ],
  ],
  [
    "where no probe could be tried, nothing is known of anybody's intent",
    { changes: [{ at: 0, probe: { step: "create", errno: 12 } }], until: 40 },
    ["1: log: warning: no write to /data could be tried yet (errno 12 at create)"],
  ],
  ["ext4 counted errors and goes on writing", { changes: [{ at: 4, files: { [ERRORS]: "90\n" } }], until: 60 }, []],
  [
    "the mount says that it was shut down",
    { changes: [{ at: 20, files: { [MOUNTS]: mount("ext4", "rw,shutdown") }, probe: FAILED }], until: 40 },
    [
      "31: disk:/data failing: /data refuses writes: EIO at sync; mounted rw,shutdown",
      "32: disk:/data failed: /data refuses writes: EIO at sync; mounted rw,shutdown",
    ],
  ],
  [
    "XFS shuts down, which only the kernel's log tells",
    {
      changes: [
        { at: 0, files: { [MOUNTS]: mount("xfs"), [ERRORS]: undefined } },
        { at: 12, kernelLog: [SHUTDOWN], probe: FAILED },
      ],
      until: 30,
    },
    [
      "13: disk:/data failing: /data refuses writes: EIO at sync; mounted rw",
      "14: disk:/data failed: /data refuses writes: EIO at sync; mounted rw",
    ],
  ],
  [
    "XFS finds that it was shut down, in other words",
    {
      changes: [
        { at: 0, files: { [MOUNTS]: mount("xfs"), [ERRORS]: undefined } },
        {
          at: 12,
          kernelLog: ["1,9,99,-;XFS (vda): Filesystem has been shut down due to log error (0x2).\n"],
          probe: FAILED,
        },
      ],
      until: 14,
    },
    [
      "13: disk:/data failing: /data refuses writes: EIO at sync; mounted rw",
      "14: disk:/data failed: /data refuses writes: EIO at sync; mounted rw",
    ],
  ],
  [
    "another disk's XFS shuts down",
    {
      changes: [{ at: 12, kernelLog: [SHUTDOWN.replace("vda", "vdz")], probe: FAILED }],
      until: 20,
    },
    ["13: disk:/data failing: /data refuses writes: EIO at sync; mounted rw"],
  ],
  [
    "btrfs was forced read-only; its device is found by its source",
    {
      changes: [
        { at: 0, files: { [MOUNTS]: mount("btrfs", "rw", "rw", "/data", "0:30"), [ERRORS]: undefined } },
        {
          at: 12,
          files: { [MOUNTS]: mount("btrfs", "ro", "rw", "/data", "0:30") },
          kernelLog: ["6,7,99,-;BTRFS info (device vda: state E): forced readonly\n"],
          probe: REFUSED,
        },
      ],
      until: 30,
    },
    [
      "13: disk:/data failing: /data refuses writes: EROFS at create; mounted ro",
      "14: disk:/data failed: /data refuses writes: EROFS at create; mounted ro",
    ],
  ],
  [
    "the kernel complains of a disk and the writes go on",
    { changes: [{ at: 4, kernelLog: ["3,7,99,-;I/O error, dev vda, sector 8\n"] }], until: 60 },
    [],
  ],
  [
    "the device was set read-only: looked into at once, and named",
    { changes: [{ at: 4, files: { [RO]: "1\n" }, probe: FAILED }], until: 10 },
    ["6: disk:/data failing: /data refuses writes: EIO at sync; mounted rw; vda is set read-only"],
  ],
  [
    "the kernel took the device offline",
    { changes: [{ at: 4, files: { [STATE]: "offline\n" }, probe: FAILED }], until: 10 },
    ["6: disk:/data failing: /data refuses writes: EIO at sync; mounted rw; vda is offline"],
  ],
  [
    "a device that was read-only from the start is no news",
    {
      changes: [
        { at: 0, files: { [RO]: "1\n" } },
        { at: 31, probe: FAILED, files: { [ERRORS]: "8\n" } },
      ],
      until: 32,
    },
    ["32: disk:/data failing: /data refuses writes: EIO at sync, errors_count 7 -> 8; mounted rw"],
  ],
]);

export const storage = suite("disk: storage that is down", looks, [
  [
    "is waited for, and the failed file system ends the guest when it is back",
    {
      changes: [
        { at: 20, files: { [ERRORS]: "9\n" }, probe: FAILED, jobs: { [READ]: DEAD } },
        { at: 60, jobs: { [READ]: ALIVE } },
      ],
      until: 80,
    },
    [
      "21: disk:/data failing: /data refuses writes: EIO at sync, errors_count 7 -> 9; mounted rw",
      "22: log: vda: storage is down; no reset cures that, so it gets up to 100 s",
      "62: log: vda can be read again",
      "72: disk:/data failed: /data refuses writes: EIO at sync, errors_count 7 -> 9; mounted rw",
    ],
  ],
  [
    "is waited for, and with it the writes come back",
    {
      changes: [
        { at: 20, probe: "hang", asleep: "jbd2_log_wait_commit", jobs: { [READ]: "hang" } },
        { at: 90, jobs: { [READ]: ALIVE } },
        { at: 93, probe: OK },
      ],
      until: 120,
    },
    [
      "35: disk:/data failing: a write to /data hangs for 5 s in jbd2_log_wait_commit",
      "46: log: vda: storage is down; no reset cures that, so it gets up to 100 s",
      "91: log: vda can be read again",
      "94: disk:/data healthy",
    ],
  ],
  [
    "is not waited for for ever",
    { changes: [{ at: 20, probe: "hang", jobs: { [READ]: "hang" } }], until: 140 },
    [
      "35: disk:/data failing: a write to /data hangs for 5 s",
      "46: log: vda: storage is down; no reset cures that, so it gets up to 100 s",
      "135: disk:/data failed: a write to /data hangs for 105 s; its device vda does not answer for 100 s, which no reset cures: waiting for it",
    ],
  ],
  [
    "is only what could be read before: where a device takes no such reads, none are missed",
    {
      changes: [
        { at: 0, jobs: { [READ]: { status: 22, output: "" } } },
        { at: 20, probe: "hang", jobs: { [READ]: DEAD } },
      ],
      until: 65,
    },
    [
      "35: disk:/data failing: a write to /data hangs for 5 s",
      "60: disk:/data failed: a write to /data hangs for 30 s",
    ],
  ],
  [
    "is not known where no process can be made to read it: then the write itself counts",
    {
      changes: [{ at: 20, probe: "hang", jobs: { [READ]: { status: -3, output: "11" } } }],
      until: 65,
    },
    [
      "35: disk:/data failing: a write to /data hangs for 5 s",
      "60: disk:/data failed: a write to /data hangs for 30 s",
    ],
  ],
]);

export const freezes = suite("disk: a freeze past its limit", looks, [
  [
    "is ended, and all is well",
    {
      changes: [
        { at: 20, probe: "hang", asleep: "percpu_rwsem_wait" },
        { at: 92, probe: OK },
      ],
      until: 120,
    },
    ["90: thaw /data", "90: disk:/data failing: /data is frozen for 60 s, thawing it", "93: disk:/data healthy"],
  ],
  [
    "that cannot be ended has failed",
    {
      changes: [
        { at: 20, probe: "hang", asleep: "percpu_rwsem_wait", jobs: { "thaw /data": { status: 16, output: "" } } },
      ],
      until: 125,
    },
    [
      "90: thaw /data",
      "90: disk:/data failing: /data is frozen for 60 s, thawing it",
      "120: disk:/data failed: /data is frozen for 90 s, and cannot be thawed (errno 16)",
    ],
  ],
]);

const nfs = { at: 0, files: { [MOUNTS]: mount("nfs4", "rw", "rw", "/data", "0:50") } };

export const foreign = suite("disk: what is not this guest's own", looks, [
  [
    "only alarms",
    { changes: [nfs, { at: 4, probe: "hang" }], until: 62 },
    [
      "35: disk:/data failing, alarm: a write to /data hangs for 5 s",
      "60: disk:/data failed, alarm: a write to /data hangs for 30 s",
    ],
  ],
  [
    "ends the guest where the configuration says so",
    { config: "disk-end = starve\n", changes: [nfs, { at: 4, probe: "hang" }], until: 62 },
    [
      "35: disk:/data failing: a write to /data hangs for 5 s",
      "60: disk:/data failed: a write to /data hangs for 30 s",
    ],
  ],
  [
    "includes a stick",
    {
      changes: [
        { at: 0, files: { "/sys/class/block/vda/removable": "1\n" } },
        { at: 4, files: { [ERRORS]: "9\n" }, probe: FAILED },
      ],
      until: 5,
    },
    ["5: disk:/data failing, alarm: /data refuses writes: EIO at sync, errors_count 7 -> 9; mounted rw"],
  ],
]);

const fstab = `UUID=1 / ext4 errors=remount-ro 0 1
UUID=2 /boot ext4 defaults 0 2
UUID=3 /boot/efi vfat umask=0077 0 1
UUID=4 /home btrfs subvol=home 0 0
UUID=5 /srv xfs nofail 0 2
UUID=6 /mnt/usb ext4 noauto,user 0 0
server:/x /net nfs _netdev 0 0
/srv/a /srv/b none bind 0 0
UUID=7 none swap sw 0 0
`;
const root = (type: string) => ({ device: "254:1", type, source: "x", readOnlyByIntent: false, flags: "rw" });

export const automatic = suite(
  "disk = auto",
  ([type, text]: [type: string, text: string]) => automaticPoints(root(type), parseFstab(text)),
  [
    ["root and local ones that the boot needs", ["ext4", fstab], ["/", "/boot", "/home"]],
    ["no fstab: root", ["xfs", ""], ["/"]],
    ["a live system has no root on a disk", ["squashfs", ""], []],
    ["root may well be nofail", ["ext4", "UUID=1 / ext4 nofail 0 1\n"], ["/"]],
  ],
);

export const subvolumes = suite(
  "disk = auto, on a guest",
  (mounts: string) => {
    const files = { [MOUNTS]: mounts, "/etc/fstab": fstab };
    const config = "state-directory = none\n";
    return tellTogether(disk)({ config, files, changes: [{ at: 1, probe: FAILED }], until: 31 });
  },
  [
    [
      "watches a file system with many mounts once",
      mount("btrfs", "rw", "rw", "/", "0:30") +
        mount("btrfs", "rw", "rw", "/home", "0:30") +
        mount("ext4", "rw", "rw", "/boot"),
      [
        "31: disk:/ failing: / refuses writes: EIO at sync; mounted rw",
        "31: disk:/boot failing: /boot refuses writes: EIO at sync; mounted rw",
      ],
    ],
  ],
);
