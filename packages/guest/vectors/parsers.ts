/** The kernel's text files, as kernels print them and as they do not. */
import { decode, encode, numberBehind } from "../src/bytes.ts";
import { parseFstab } from "../src/kernel/fstab.ts";
import { isShutDown, MountSearch, unescapePath } from "../src/kernel/mountinfo.ts";
import { suite } from "./vector.ts";

const meminfo =
  "MemTotal:         201234 kB\nMemFree:            4120 kB\nMemAvailable:       5120 kB\nSwapTotal:             0 kB\n";
const pressure =
  "some avg10=61.20 avg60=33.00 avg300=9.70 total=91233211\nfull avg10=48.13 avg60=20.02 avg300=5.11 total=41233211\n";

export const numbers = suite(
  "numberBehind",
  ([text, key]: [text: string, key: string]) => numberBehind(encode(text), encode(key)),
  [
    ["meminfo, first line", [meminfo, "MemTotal:"], 201234],
    ["meminfo, in the middle", [meminfo, "MemAvailable:"], 5120],
    ["zero is a number", [meminfo, "SwapTotal:"], 0],
    ["absent key", [meminfo, "HugePages:"], Number.NaN],
    ["fraction", [pressure, "full avg10="], 48.13],
    ["the first of two equal beginnings", [pressure, "avg10="], 61.2],
    ["empty file", ["", "MemTotal:"], Number.NaN],
    ["cut off before the number", ["MemTotal:   ", "MemTotal:"], Number.NaN],
    ["cut off in the key", ["MemTot", "MemTotal:"], Number.NaN],
    ["a word instead of a number", ["MemTotal: lots", "MemTotal:"], Number.NaN],
    ["a second dot ends it", ["x=1.25.5", "x="], 1.25],
    ["a lone dot is none", ["x=.5", "x="], Number.NaN],
    ["key of which a prefix repeats", ["aab", "ab"], Number.NaN],
    ["key found after a false start", ["aaab7", "ab"], 7],
  ],
);

export const text = suite("decode(encode)", (input: string) => decode(encode(input)), [
  ["ASCII", "/data", "/data"],
  ["umlaut, euro, emoji", "/dätä/€/🐶", "/dätä/€/🐶"],
]);

export const brokenText = suite("decode", (bytes: number[]) => decode(new Uint8Array(bytes)), [
  ["stray continuation", [0x41, 0x80, 0x42], "A\ufffdB"],
  ["cut off sequence", [0xe2, 0x82], "\ufffd"],
  ["overlong lead", [0xc0, 0xaf], "\ufffd\ufffd"],
  ["lead without continuation", [0xe2, 0x41], "\ufffdA"],
  ["beyond Unicode", [0xf7, 0xbf, 0xbf, 0xbf], "\ufffd"],
]);

const mountinfo = [
  "21 1 0:2 / / rw - rootfs rootfs rw",
  "25 21 254:0 / /data rw,relatime shared:1 - ext4 /dev/mapper/data rw,errors=remount-ro",
  "26 21 254:1 / /with\\040space ro,nosuid - xfs /dev/vdb rw",
  "27 21 0:30 / /btr rw,relatime shared:2 master:3 - btrfs /dev/vdc ro,space_cache",
  "28 21 254:2 / /stacked rw - ext4 /dev/vdd rw",
  "29 28 254:3 / /stacked ro - ext4 /dev/vde rw",
  "garbage",
  "",
].join("\n");

/** The mount at a point, from chunks of this many bytes. */
function findMount(point: string, chunkSize: number): unknown {
  const search = new MountSearch(point);
  const bytes = encode(mountinfo);
  for (let at = 0; at < bytes.length; at += chunkSize) search.take(bytes.subarray(at, at + chunkSize));
  return search.found ?? "none";
}

export const chunks = suite("MountSearch, chunk by chunk", (size: number) => findMount("/data", size), [
  [
    "one byte at a time",
    1,
    {
      device: "254:0",
      type: "ext4",
      source: "/dev/mapper/data",
      readOnlyByIntent: false,
      flags: "rw,errors=remount-ro",
    },
  ],
  [
    "a chunk that ends in a line",
    64,
    {
      device: "254:0",
      type: "ext4",
      source: "/dev/mapper/data",
      readOnlyByIntent: false,
      flags: "rw,errors=remount-ro",
    },
  ],
]);

export const mounts = suite("MountSearch", (point: string) => findMount(point, 4096), [
  ["root", "/", { device: "0:2", type: "rootfs", source: "rootfs", readOnlyByIntent: false, flags: "rw" }],
  [
    "optional fields skipped",
    "/data",
    {
      device: "254:0",
      type: "ext4",
      source: "/dev/mapper/data",
      readOnlyByIntent: false,
      flags: "rw,errors=remount-ro",
    },
  ],
  [
    "escaped space",
    "/with space",
    { device: "254:1", type: "xfs", source: "/dev/vdb", readOnlyByIntent: true, flags: "rw" },
  ],
  [
    "forced read-only is not intent",
    "/btr",
    { device: "0:30", type: "btrfs", source: "/dev/vdc", readOnlyByIntent: false, flags: "ro,space_cache" },
  ],
  [
    "the topmost of two",
    "/stacked",
    { device: "254:3", type: "ext4", source: "/dev/vde", readOnlyByIntent: true, flags: "rw" },
  ],
  ["not a mount", "/elsewhere", "none"],
]);

const flags = (type: string, text: string, readOnlyByIntent = false) => ({
  device: "254:0",
  type,
  source: "/dev/vda",
  readOnlyByIntent,
  flags: text,
});

export const shutDowns = suite("isShutDown", isShutDown, [
  ["ext4, well", flags("ext4", "rw,errors=remount-ro"), false],
  ["ext4 in error state, from 6.15 on", flags("ext4", "rw,emergency_ro"), true],
  ["ext4 shut down, from 6.18 on", flags("ext4", "rw,shutdown,errors=continue"), true],
  ["ext4 remounted by an administrator", flags("ext4", "ro", true), false],
  ["btrfs forced read-only", flags("btrfs", "ro,space_cache=v2,subvol=/"), true],
  ["btrfs remounted by an administrator", flags("btrfs", "ro,space_cache=v2", true), false],
  ["an option that only begins like one", flags("xfs", "rw,shutdownish"), false],
]);

export const escapes = suite("unescapePath", unescapePath, [
  ["nothing to do", "/data", "/data"],
  ["space, tab, newline, backslash", "/a\\040b\\011c\\012d\\134e", "/a b\tc\nd\\e"],
  ["two in a row", "\\040\\040", "  "],
  ["no digits, too few, no octal ones", "/a\\x\\04\\089", "/a\\x\\04\\089"],
]);

const fstab = `# /etc/fstab: static file system information.
UUID=5e1f-22 /               ext4    errors=remount-ro 0       1
LABEL=var\t/var/my\\040data\txfs\tdefaults,nofail\t0\t2
/dev/sr0     /media/cdrom0   udf,iso9660 user,noauto     0       0
UUID=77 none swap sw 0 0
  # indented comment
/dev/vdb /short ext4
/dev/vdc
`;

export const fstabs = suite("parseFstab", parseFstab, [
  [
    "comments, tabs, escapes, swap, missing fields",
    fstab,
    [
      { point: "/", type: "ext4", options: ["errors=remount-ro"] },
      { point: "/var/my data", type: "xfs", options: ["defaults", "nofail"] },
      { point: "/media/cdrom0", type: "udf,iso9660", options: ["user", "noauto"] },
      { point: "/short", type: "ext4", options: [""] },
    ],
  ],
  ["empty", "", []],
  ["DOS line ends", "/dev/vda / ext4 rw\r\n", [{ point: "/", type: "ext4", options: ["rw"] }]],
]);

export const arithmetic = suite("numbers", (sum: readonly [number, number]) => sum[0] + sum[1], [
  ["are IEEE doubles, rounded once", [9007199254740994, 1 - 1 / 65536], 9007199254740994],
]);
