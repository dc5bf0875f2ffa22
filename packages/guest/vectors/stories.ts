/** The daemon's judgement, told as stories: what happens in the guest, and what the daemon says and does. */
import { OK } from "./scripted.ts";
import { ERRORS, MEM, MOUNTS, meminfo, memoryReason, mountinfo, PSI, pressure, tell, well } from "./story.ts";
import { suite } from "./vector.ts";

const refusal = (count: string) => `/data refuses writes: EROFS at create${count}; mounted rw,errors=remount-ro`;

export const stories = suite("daemon", tell, [
  [
    "a healthy guest is fed each round and left in peace",
    { changes: [], until: 30 },
    { heard: ["0: hello", well, "30: disarmed", "30: bye"], feeds: 31 },
  ],
  [
    "memory low and stalling for its hold time ends the feeding",
    { changes: [{ at: 3, files: { [MEM]: meminfo(2000), [PSI]: pressure(60) } }], until: 12 },
    {
      heard: [
        "0: hello",
        well,
        "3: memory failing, disk:/data healthy",
        `8: last words: memory: ${memoryReason}; starve`,
        `8: to disk: 8 s after boot: memory failed: ${memoryReason}`,
        "8: timeout 1 s asked",
        "8: memory failed, disk:/data healthy",
        "12: bye",
      ],
      feeds: 8,
    },
  ],
  [
    "memory low without a stall is no trouble, nor is a stall with memory left",
    {
      changes: [
        { at: 2, files: { [MEM]: meminfo(1000), [PSI]: pressure(39) } },
        { at: 15, files: { [MEM]: meminfo(50000), [PSI]: pressure(99) } },
      ],
      until: 30,
    },
    { heard: ["0: hello", well, "30: disarmed", "30: bye"], feeds: 31 },
  ],
  [
    "a reading that wavers around the limit keeps its hold time; a real recovery does not",
    {
      changes: [
        { at: 2, files: { [MEM]: meminfo(2000), [PSI]: pressure(60) } },
        { at: 4, files: { [MEM]: meminfo(3500), [PSI]: pressure(25) } },
        { at: 6, files: { [MEM]: meminfo(5000), [PSI]: pressure(25) } },
        { at: 9, files: { [MEM]: meminfo(2000), [PSI]: pressure(60) } },
      ],
      until: 13,
    },
    {
      heard: [
        "0: hello",
        well,
        "2: memory failing, disk:/data healthy",
        "6: memory healthy, disk:/data healthy",
        "9: memory failing, disk:/data healthy",
        "13: disarmed",
        "13: bye",
      ],
      feeds: 14,
    },
  ],
  [
    "without PSI, memory low fails only with swap used up, and pages needed again",
    {
      changes: [
        { at: 0, files: { [PSI]: undefined, [MEM]: meminfo(2000, "SwapTotal: 1000 kB\nSwapFree: 500 kB\n") } },
        { at: 4, files: { [MEM]: meminfo(2000, "SwapTotal: 1000 kB\nSwapFree: 10 kB\n") } },
        { at: 5, files: { "/proc/vmstat": "pgmajfault 100\n" } },
      ],
      until: 7,
    },
    {
      heard: [
        "0: hello",
        well,
        "5: memory failing, disk:/data healthy",
        "6: memory healthy, disk:/data healthy",
        "7: disarmed",
        "7: bye",
      ],
      feeds: 8,
    },
  ],
  [
    "an unreadable meminfo is no verdict",
    { changes: [{ at: 1, files: { [MEM]: undefined } }], until: 9 },
    { heard: ["0: hello", well, "9: disarmed", "9: bye"], feeds: 10 },
  ],
  [
    "ext4 in error state: the count rises, the probe is asked at once and refused, though the mount says rw",
    { changes: [{ at: 4, files: { [ERRORS]: "9\n" }, probe: { step: "create", errno: 30 } }], until: 20 },
    {
      heard: [
        "0: hello",
        well,
        "5: memory healthy, disk:/data failing",
        `6: last words: disk:/data: ${refusal(", errors_count 7 -> 9")}; starve`,
        `6: to disk: 6 s after boot: disk:/data failed: ${refusal(", errors_count 7 -> 9")}`,
        "6: timeout 1 s asked",
        "6: memory healthy, disk:/data failed",
        "20: bye",
      ],
      feeds: 6,
    },
  ],
  [
    "a device that takes no timeout of 1 s gets the next",
    { changes: [{ at: 4, files: { [ERRORS]: "9\n" }, probe: { step: "sync", errno: 5 } }], until: 10, shortest: 2 },
    {
      heard: [
        "0: hello",
        well,
        "5: memory healthy, disk:/data failing",
        "6: last words: disk:/data: /data refuses writes: EIO at sync, errors_count 7 -> 9; mounted rw,errors=remount-ro; starve",
        "6: to disk: 6 s after boot: disk:/data failed: /data refuses writes: EIO at sync, errors_count 7 -> 9; mounted rw,errors=remount-ro",
        "6: timeout 1 s asked",
        "6: timeout 2 s asked",
        "6: memory healthy, disk:/data failed",
        "10: bye",
      ],
      feeds: 6,
    },
  ],
  [
    "without any sign a refusal is found at the next probe",
    { changes: [{ at: 4, probe: { step: "create", errno: 30 } }], until: 33 },
    {
      heard: ["0: hello", well, "31: memory healthy, disk:/data failing", "33: disarmed", "33: bye"],
      feeds: 34,
    },
  ],
  [
    "errors that leave the disk writable (errors=continue) are no failure",
    { changes: [{ at: 4, files: { [ERRORS]: "12\n" } }], until: 40 },
    { heard: ["0: hello", well, "40: disarmed", "40: bye"], feeds: 41 },
  ],
  [
    "a count left over from before start, and a disk that never took a write, are intent",
    { changes: [{ at: 0, probe: { step: "create", errno: 30 } }], until: 40 },
    {
      heard: [
        "0: hello",
        well,
        "1: log: warning: /data has taken no write since start (errno 30 at create): taken for intent",
        "40: disarmed",
        "40: bye",
      ],
      feeds: 41,
    },
  ],
  [
    "an administrator's remount is intent",
    {
      changes: [{ at: 4, files: { [MOUNTS]: mountinfo("ro", "ro") }, probe: { step: "create", errno: 30 } }],
      until: 60,
    },
    { heard: ["0: hello", well, "60: disarmed", "60: bye"], feeds: 61 },
  ],
  [
    "a full disk is not cured by a reset",
    { changes: [{ at: 4, files: { [ERRORS]: "8\n" }, probe: { step: "write", errno: 28 } }], until: 60 },
    { heard: ["0: hello", well, "60: disarmed", "60: bye"], feeds: 61 },
  ],
  [
    "an unmounted disk is not watched, and mounted again it starts afresh",
    {
      changes: [
        { at: 4, files: { [MOUNTS]: "" }, probe: { step: "create", errno: 30 } },
        { at: 70, files: { [MOUNTS]: mountinfo("ro", "ro") } },
      ],
      until: 140,
    },
    {
      heard: [
        "0: hello",
        well,
        "30: log: /data: unmounted",
        "90: log: /data: mounted anew",
        "91: log: warning: /data has taken no write since start (errno 30 at create): taken for intent",
        "140: disarmed",
        "140: bye",
      ],
      feeds: 141,
    },
  ],
  [
    "a write that hangs fails after its own hold time",
    { changes: [{ at: 4, files: { [ERRORS]: "8\n" }, probe: "hang", asleep: "jbd2_log_wait_commit" }], until: 26 },
    {
      heard: [
        "0: hello",
        well,
        "9: memory healthy, disk:/data failing",
        "24: last words: disk:/data: a write to /data hangs for 20 s in jbd2_log_wait_commit; starve",
        "24: to disk: 24 s after boot: disk:/data failed: a write to /data hangs for 20 s in jbd2_log_wait_commit",
        "24: timeout 1 s asked",
        "24: memory healthy, disk:/data failed",
        "26: bye",
      ],
      feeds: 24,
    },
  ],
  [
    "a write that hangs for a while, as in a SAN failover, is survived",
    {
      changes: [
        { at: 4, files: { [ERRORS]: "8\n" }, probe: "hang", asleep: "jbd2_log_wait_commit" },
        { at: 20, probe: OK },
      ],
      until: 40,
    },
    {
      heard: [
        "0: hello",
        well,
        "9: memory healthy, disk:/data failing",
        "21: memory healthy, disk:/data healthy",
        "40: disarmed",
        "40: bye",
      ],
      feeds: 41,
    },
  ],
  [
    "a backup's freeze is forgiven, up to its limit; then it is ended",
    { changes: [{ at: 20, probe: "hang", asleep: "percpu_rwsem_wait" }], until: 125 },
    {
      heard: [
        "0: hello",
        well,
        "90: thaw /data",
        "90: memory healthy, disk:/data failing",
        "120: last words: disk:/data: /data is frozen for 90 s, thawing it; starve",
        "120: to disk: 120 s after boot: disk:/data failed: /data is frozen for 90 s, thawing it",
        "120: timeout 1 s asked",
        "120: memory healthy, disk:/data failed",
        "125: bye",
      ],
      feeds: 120,
    },
  ],
  [
    "qemu-ga's mark tells a freeze too, where the kernel does not say where a process sleeps",
    { changes: [{ at: 20, probe: "hang", files: { "/run/qga.state.isfrozen": "" } }], until: 80 },
    { heard: ["0: hello", well, "80: disarmed", "80: bye"], feeds: 81 },
  ],
  [
    "after a thaw a write has its own hold time: a long freeze was no hang",
    {
      changes: [
        { at: 20, probe: "hang", asleep: "percpu_rwsem_wait" },
        { at: 70, asleep: "jbd2_log_wait_commit" },
        { at: 80, probe: OK },
      ],
      until: 90,
    },
    {
      heard: [
        "0: hello",
        well,
        "74: memory healthy, disk:/data failing",
        "81: memory healthy, disk:/data healthy",
        "90: disarmed",
        "90: bye",
      ],
      feeds: 91,
    },
  ],
  [
    "a probe that somebody has stopped says nothing of the disk",
    { changes: [{ at: 20, probe: "hang", asleep: "do_signal_stop" }], until: 80 },
    { heard: ["0: hello", well, "80: disarmed", "80: bye"], feeds: 81 },
  ],
  [
    "an answer that says nothing of the disk does not end a refusal",
    {
      changes: [
        { at: 29, probe: { step: "sync", errno: 5 } },
        { at: 32, probe: { step: "create", errno: 17 } },
      ],
      until: 36,
    },
    {
      heard: [
        "0: hello",
        well,
        "31: memory healthy, disk:/data failing",
        "36: last words: disk:/data: /data refuses writes: EIO at sync; mounted rw,errors=remount-ro; starve",
        "36: to disk: 36 s after boot: disk:/data failed: /data refuses writes: EIO at sync; mounted rw,errors=remount-ro",
        "36: timeout 1 s asked",
        "36: memory healthy, disk:/data failed",
        "36: bye",
      ],
      feeds: 36,
    },
  ],
  [
    "a mountinfo that cannot be read is no unmount",
    {
      changes: [{ at: 4, files: { [ERRORS]: "9\n", [MOUNTS]: undefined }, probe: { step: "create", errno: 30 } }],
      until: 5,
    },
    { heard: ["0: hello", well, "5: memory healthy, disk:/data failing", "5: disarmed", "5: bye"], feeds: 6 },
  ],
  [
    "a probe that was killed and cannot be forked is told, and is no failed disk",
    {
      changes: [
        { at: 20, probe: "unborn" },
        { at: 50, probe: OK },
      ],
      until: 60,
    },
    {
      heard: [
        "0: hello",
        well,
        "30: log: warning: no process to try /data with can be started; trying on",
        "60: disarmed",
        "60: bye",
      ],
      feeds: 61,
    },
  ],
  [
    "a gap between rounds (a starved host) counts towards no hold time",
    { changes: [{ at: 4, files: { [MEM]: meminfo(2000), [PSI]: pressure(60) } }], until: 32, gap: [5, 30] },
    {
      heard: ["0: hello", well, "4: memory failing, disk:/data healthy", "32: disarmed", "32: bye"],
      feeds: 9,
    },
  ],
  [
    "without a device it goes on checking and telling after a failure",
    {
      noDevice: true,
      changes: [
        { at: 3, files: { [MEM]: meminfo(2000), [PSI]: pressure(60) } },
        { at: 12, files: { [MEM]: meminfo(50000), [PSI]: pressure(0) } },
      ],
      until: 14,
    },
    {
      heard: [
        "0: hello",
        well,
        "3: memory failing, disk:/data healthy",
        `8: log: would end this guest by starve, but mode is observe: memory failed: ${memoryReason}`,
        "8: memory failed, disk:/data healthy",
        "12: memory healthy, disk:/data healthy",
        "14: bye",
      ],
      feeds: 0,
    },
  ],
  [
    "a device that refuses to be fed is told of, once a minute",
    { feedResult: -19, changes: [], until: 60 },
    {
      heard: [
        "0: hello",
        "0: log: the watchdog device refuses to be fed: errno 19",
        well,
        "60: log: the watchdog device refuses to be fed: errno 19",
        "60: disarmed",
        "60: bye",
      ],
      feeds: 61,
    },
  ],
  [
    "a fire that the guest survives leaves the device dead: it is armed anew and fed on",
    { fires: [20], changes: [], until: 30 },
    { heard: ["0: hello", well, "20: armed anew, 10 s", "30: disarmed", "30: bye"], feeds: 31 },
  ],
  [
    "a failure that lasts through a survived fire ends the feeding anew, without cutting the timeout",
    {
      fires: [10],
      changes: [
        { at: 3, files: { [MEM]: meminfo(2000), [PSI]: pressure(60) } },
        { at: 12, files: { [MEM]: meminfo(50000), [PSI]: pressure(0) } },
      ],
      until: 14,
    },
    {
      heard: [
        "0: hello",
        well,
        "3: memory failing, disk:/data healthy",
        `8: last words: memory: ${memoryReason}; starve`,
        `8: to disk: 8 s after boot: memory failed: ${memoryReason}`,
        "8: timeout 1 s asked",
        "8: memory failed, disk:/data healthy",
        "10: armed anew, 10 s",
        "14: bye",
      ],
      feeds: 8,
    },
  ],
]);
