/** The watchdog device through Linux's watchdog API (Documentation/watchdog/watchdog-api.rst). */
import { decode, encode, numberAt } from "../bytes.ts";
import type { Device } from "../platform.ts";
import * as abi from "./abi.ts";
import * as system from "./system.ts";

/** Closing after this byte stops the device; closing without it leaves it ticking. */
const MAGIC_CLOSE = encode("V");
const KEEP_ALIVE = encode("\0");

/** Opens the device, which arms it; returns it, or a negative errno: ENOTTY for a file that is no watchdog device. */
export function openWatchdog(path: string): (Device & { readonly fd: number }) | number {
  const fd = system.open(path, abi.O_WRONLY);
  if (fd < 0) return fd;
  const identity = readIdentity(fd);
  if (identity === undefined) {
    system.close(fd);
    return -abi.ENOTTY;
  }
  return {
    fd,
    identity,
    // ib700 has no entry in sysfs: what its nowayout says shows only when it is closed.
    unstoppable: isUnstoppable(identity),
    feed() {
      return Math.min(system.write(fd, KEEP_ALIVE), 0);
    },
    timeout: () => readTimeout(fd),
    setTimeout(seconds) {
      system.record.setInt32(0, seconds, true);
      const result = system.ioctl(fd, abi.WDIOC_SETTIMEOUT);
      if (result < 0) return result;
      const accepted = system.record.getInt32(0, true);
      const effective = readTimeout(fd);
      return effective > 0 ? effective : accepted;
    },
    disarm() {
      system.write(fd, MAGIC_CLOSE);
      system.close(fd);
    },
  };
}

function readTimeout(fd: number): number {
  const result = system.ioctl(fd, abi.WDIOC_GETTIMEOUT);
  return result < 0 ? result : system.record.getInt32(0, true);
}

function readIdentity(fd: number): string | undefined {
  for (let i = 0; i < abi.WATCHDOG_INFO_SIZE; i += 4) system.record.setInt32(i, 0, true);
  if (system.ioctl(fd, abi.WDIOC_GETSUPPORT) < 0) return undefined;
  const bytes: number[] = [];
  for (let i = abi.WATCHDOG_INFO_IDENTITY; i < abi.WATCHDOG_INFO_SIZE; i++) {
    const byte = system.record.getUint8(i);
    if (byte === 0) break;
    bytes.push(byte);
  }
  return decode(new Uint8Array(bytes));
}

/** Whether the device of this identity has `nowayout` set; device numbers and names do not tell devices apart, identities do. */
function isUnstoppable(identity: string): boolean {
  for (let n = 0; n < 8; n++) {
    const entry = `/sys/class/watchdog/watchdog${n}`;
    const name = system.readWhole(`${entry}/identity`);
    if (typeof name === "number" || decode(name).trim() !== identity) continue;
    const nowayout = system.readWhole(`${entry}/nowayout`);
    return typeof nowayout !== "number" && numberAt(nowayout, 0) === 1;
  }
  return false;
}
