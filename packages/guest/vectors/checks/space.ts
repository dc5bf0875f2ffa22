/** Full file systems, and those that only look so. */
import { space } from "../../src/checks/space.ts";
import { suite } from "../vector.ts";
import { tellVerdicts } from "./tell.ts";

const STATFS = "statfs /data";

/** Of 1000 blocks of 1 MiB, of which root alone may use 50, and of 100 inodes. */
const used = (blocks: number, inodes = 10) => ({
  [STATFS]: { status: 0, output: `1048576 1000 ${1000 - blocks} ${Math.max(0, 950 - blocks)} 100 ${100 - inodes} 0` },
});
const says = (output: string) => ({ [STATFS]: { status: 0, output } });

const config = "disk = /data";

export const spaces = suite("space", tellVerdicts(space), [
  ["a file system with room is fine", { config, changes: [{ at: 0, jobs: used(900) }], until: 200 }, []],
  [
    "full for those who are not root: an alarm after its hold time, by default no more",
    { config, changes: [{ at: 40, jobs: used(945) }], until: 200 },
    [
      "63: space:/data failing: /data is 99.5 % full (limit 98 %), 5 MiB left",
      "123: space:/data failed, alarm: /data is 99.5 % full (limit 98 %), 5 MiB left",
    ],
  ],
  [
    "root's own reserve is used too: no less than full",
    { config, changes: [{ at: 0, jobs: used(990) }], until: 10 },
    ["1: space:/data failing: /data is 100 % full (limit 98 %), 0 MiB left"],
  ],
  [
    "a file system that wavers around its limit stays failing until it is clearly below",
    {
      config,
      changes: [
        { at: 0, jobs: used(932) },
        { at: 10, jobs: used(930) },
        { at: 70, jobs: used(920) },
      ],
      until: 100,
    },
    [
      "1: space:/data failing: /data is 98.1 % full (limit 98 %), 18 MiB left",
      "61: space:/data failed, alarm: /data is 97.9 % full (limit 98 %), 20 MiB left",
      "73: space:/data healthy",
    ],
  ],
  [
    "no inodes left",
    { config, changes: [{ at: 0, jobs: used(100, 99) }], until: 10 },
    ["1: space:/data failing: /data has 99 % of its inodes used (limit 98 %), 1 left"],
  ],
  [
    "no fixed number of inodes, as on btrfs",
    { config, changes: [{ at: 0, jobs: says("4096 1000 500 500 0 0 0") }], until: 100 },
    [],
  ],
  [
    "what is read-only cannot fill up",
    { config, changes: [{ at: 0, jobs: says("4096 1000 0 0 1000 0 1") }], until: 100 },
    [],
  ],
  ["nor what has no size", { config, changes: [{ at: 0, jobs: says("4096 0 0 0 0 0 0") }], until: 100 }, []],
  [
    "numbers beyond 2^53",
    {
      config,
      changes: [{ at: 0, jobs: says("4096 18014398509481984 9007199254740992 9007199254740992 0 0 0") }],
      until: 9,
    },
    [],
  ],
  [
    "a statfs that hangs or fails is no verdict, nor an end of one",
    {
      config,
      changes: [
        { at: 0, jobs: used(1000) },
        { at: 5, jobs: { [STATFS]: "hang" } },
        { at: 45, jobs: { [STATFS]: { status: 5, output: "" } } },
      ],
      until: 60,
    },
    ["1: space:/data failing: /data is 100 % full (limit 98 %), 0 MiB left"],
  ],
  [
    "by default root, and what fstab calls local",
    {
      config: "",
      changes: [
        {
          at: 0,
          files: { "/etc/fstab": "/dev/vda1 / ext4 defaults 0 1\n/dev/vdb1 /data ext4 defaults 0 2\n" },
          jobs: { ...used(1000), "statfs /": { status: 0, output: "4096 100 1 1 0 0 0" } },
        },
      ],
      until: 1,
    },
    [
      "1: space:/ failing: / is 99 % full (limit 98 %), 0 MiB left",
      "1: space:/data failing: /data is 100 % full (limit 98 %), 0 MiB left",
    ],
  ],
  [
    "limits, hold time and end as configured",
    {
      config: `${config}\nmax-space = 50\nmax-inodes = 0\nspace-hold = 0\nspace-end = reboot`,
      changes: [{ at: 0, jobs: used(600, 100) }],
      until: 10,
    },
    ["1: space:/data failed, reboot: /data is 63.2 % full (limit 50 %), 350 MiB left"],
  ],
  [
    "switched off",
    { config: `${config}\nmax-space = 0\nmax-inodes = 0`, changes: [{ at: 0, jobs: used(1000, 100) }], until: 9 },
    [],
  ],
]);
