/** The kernel's log: what counts, for how long, and what a flood does. */
import { kernelLog } from "../../src/checks/kernel-log.ts";
import { suite } from "../vector.ts";
import { tellTogether } from "./tell.ts";

const record = (priority: number, sequence: number, text: string) =>
  `${priority},${sequence},1234567,-;${text}\n SUBSYSTEM=block\n DEVICE=b254:0\n`;
const HUNG = "INFO: task dd:831 blocked for more than 120 seconds.";
const OOM = "Out of memory: Killed process 812 (hog) total-vm:1234kB";

export const messages = suite("kernel-log", tellTogether(kernelLog), [
  [
    "a hung task is told, for a minute",
    { changes: [{ at: 2, kernelLog: [record(3, 10, HUNG)] }], until: 70 },
    [`2: kernel-log failed: the kernel says: ${HUNG}`, "62: kernel-log healthy"],
  ],
  [
    "what a process writes there is no message of the kernel's, our own included",
    {
      changes: [{ at: 2, kernelLog: [record(11, 10, HUNG), record(12, 11, `bernard-guest: disk:/ failed: ${OOM}`)] }],
      until: 9,
    },
    [],
  ],
  [
    "everyday messages are none",
    {
      changes: [
        {
          at: 2,
          kernelLog: [
            record(6, 10, "EXT4-fs (vda): mounted filesystem with ordered data mode. Quota mode: none."),
            record(4, 11, "Memory cgroup out of memory: Killed process 9 (x)"),
            record(6, 12, "DEBUG: a driver's own words"),
            record(6, 13, "mce: CPU supports 10 MCE banks"),
            record(4, 14, "watchdog: watchdog0: watchdog did not stop!"),
          ],
        },
      ],
      until: 9,
    },
    [],
  ],
  [
    "messages about disks are the disk checks' to judge",
    { changes: [{ at: 2, kernelLog: [record(3, 10, "I/O error, dev vda, sector 0 op 0x1:(WRITE)")] }], until: 9 },
    [],
  ],
  [
    "the configuration's own messages, with the end that it wants",
    {
      config: "kernel-message = nfs: server * not responding\nkernel-message-end = reboot\n",
      changes: [
        { at: 2, kernelLog: [record(4, 10, "nfs: server 192.0.2.1 OK")] },
        { at: 3, kernelLog: [record(4, 11, "nfs: server 192.0.2.1 not responding, timed out"), record(3, 12, HUNG)] },
      ],
      until: 9,
    },
    ["3: kernel-log failed, reboot: the kernel says: nfs: server 192.0.2.1 not responding, timed out"],
  ],
  [
    "of two the last one is told; the minute starts anew",
    {
      changes: [
        { at: 2, kernelLog: [record(3, 10, HUNG)] },
        { at: 50, kernelLog: [record(3, 11, OOM)] },
      ],
      until: 120,
    },
    [`2: kernel-log failed: the kernel says: ${HUNG}`, "110: kernel-log healthy"],
  ],
  [
    "a flood is passed over, and what comes after it is heard",
    {
      changes: [
        { at: 2, kernelLog: Array.from({ length: 300 }, (_, i) => record(6, 10 + i, `flood ${i}`)) },
        { at: 3, kernelLog: [null, record(3, 9000, HUNG)] },
      ],
      until: 9,
    },
    ["2: passed over 200 records", `3: kernel-log failed: the kernel says: ${HUNG}`],
  ],
  [
    "garbage and records that are cut off",
    {
      changes: [
        { at: 2, kernelLog: ["", ";", "3", "3,4", `3,4,5,-;${HUNG.slice(0, 20)}`, "-1,x,y;BUG: kernel", "\n\n\0"] },
      ],
      until: 9,
    },
    [],
  ],
  [
    "a message of any length is cut",
    { changes: [{ at: 2, kernelLog: [record(0, 1, `Oops: ${"x".repeat(9000)}`)] }], until: 3 },
    [`2: kernel-log failed: the kernel says: Oops: ${"x".repeat(194)}`],
  ],
]);
