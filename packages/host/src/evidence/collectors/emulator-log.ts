/** The end of what the guest's QEMU has complained of, from libvirt's log. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "@bernard/tools";
import type { Collector } from "../collector.ts";

/** Bytes: some hundred lines; its first ones hold the command line. */
const TAIL_BYTES = 64 * 1024;

export const emulatorLog: Collector = {
  name: "emulator's log",
  async collect({ guest, logDir }) {
    if (guest.name.includes("/") || guest.name.startsWith(".")) return undefined; // it would lead elsewhere
    try {
      const file = await open(join(logDir, `${guest.name}.log`));
      try {
        const { size } = await file.stat();
        const tail = Buffer.alloc(Math.min(size, TAIL_BYTES));
        const { bytesRead } = await file.read(tail, 0, tail.length, size - tail.length);
        return { file: "emulator.log", bytes: tail.subarray(0, bytesRead) };
      } finally {
        await file.close();
      }
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined; // no libvirt, or another place
      throw error;
    }
  },
};
