/** The watchdog device through Linux's watchdog API (Documentation/watchdog/watchdog-api.rst). */
import { decode, encode, numberAt } from "../bytes.ts";
import type { Device } from "../platform.ts";
import * as abi from "./abi.ts";
import * as system from "./system.ts";

/** Closing after this byte stops the device; closing without it leaves it ticking. */
const MAGIC_CLOSE = encode("V");
const KEEP_ALIVE = encode("\0");

/**
 * i6300esb switches itself off when it fires, whatever the action, and goes on taking feeds (QEMU hw/watchdog/wdt_i6300esb.c, Linux
 * drivers/watchdog/i6300esb.c). Byte 0x68 of its PCI configuration tells.
 */
const I6300ESB = "i6300ESB timer";
/** Its driver reads and writes where an ACPI table says, and cannot know that nothing is there. */
const WDAT = "wdat_wdt";

/** Emulated for this purpose alone, then the ACPI table's, then the chipset's; others come after these. */
const PREFERRED = [I6300ESB, "IB700 WDT", "diag288 Watchdog", WDAT, "iTCO_wdt"];

/** A timer of the kernel's own: it fires only as long as that runs. */
export const SOFTDOG = "Software Watchdog";

const LOCK_REGISTER = 0x68; // RW, 8 bits
const LOCK_LOCKED = 1;
const LOCK_ENABLE = 2;

/** An opened device, with the descriptors that probe children must not keep. */
export interface OpenDevice extends Device {
  /** Whether what was just fed counts down from its timeout, in seconds: registers that are not there read as all ones. */
  counts(timeout: number): boolean;
  readonly fd: number;
  readonly fds: readonly number[];
}

/** Opens the device, which arms it; returns it, or a negative errno: ENOTTY for a file that is no watchdog device. */
export function openWatchdog(path: string): OpenDevice | number {
  const fd = system.open(path, abi.O_WRONLY);
  if (fd < 0) return fd;
  const device = takeWatchdog(fd);
  if (device !== undefined) return device;
  system.close(fd);
  return -abi.ENOTTY;
}

/** A device that is open already, by this program's life before; undefined for a file that is no watchdog device. */
export function takeWatchdog(fd: number): OpenDevice | undefined {
  system.keepOverExecute(fd, false);
  const support = readSupport(fd);
  if (support === undefined) return undefined;
  const { identity, options } = support;
  const entry = findEntry(identity);
  let pretimeout = 0;
  const lock = identity === I6300ESB ? openConfiguration() : -1;
  const device: OpenDevice = {
    fd,
    fds: [fd, lock],
    identity,
    get unstoppable() {
      return isUnstoppable(entry); // it may be set at any time
    },
    firedBefore() {
      if ((options & abi.WDIOF_CARDRESET) === 0) return undefined;
      const status = system.ioctl(fd, abi.WDIOC_GETBOOTSTATUS);
      return status < 0 ? undefined : (system.record.getUint32(0, true) & abi.WDIOF_CARDRESET) !== 0;
    },
    get pretimeout() {
      return pretimeout;
    },
    setPretimeout(seconds) {
      system.record.setInt32(0, seconds, true);
      const result = system.ioctl(fd, abi.WDIOC_SETPRETIMEOUT);
      if (result === 0) pretimeout = seconds;
      return result;
    },
    feed() {
      return Math.min(system.write(fd, KEEP_ALIVE), 0);
    },
    timeout: () => readTimeout(fd),
    setTimeout: (seconds) => setTimeout(fd, seconds),
    counts: (timeout) =>
      identity !== WDAT || system.ioctl(fd, abi.WDIOC_GETTIMELEFT) < 0 || system.record.getUint32(0, true) <= timeout,
    isArmed() {
      const byte = lock < 0 ? -1 : system.readByteAt(lock, LOCK_REGISTER);
      return byte < 0 ? undefined : (byte & LOCK_ENABLE) !== 0;
    },
    rearm(seconds) {
      setOptions(fd, abi.WDIOS_DISABLECARD);
      // A plain reopen does nothing: the driver believes that it is running. nowayout forbids the disable, so the byte goes in directly.
      if (setOptions(fd, abi.WDIOS_ENABLECARD) < 0 || device.isArmed() === false) {
        system.writeByteAt(lock, LOCK_REGISTER, device.unstoppable ? LOCK_ENABLE | LOCK_LOCKED : LOCK_ENABLE);
      }
      // Without this the power-on preloads count: 2061 s.
      const effective = setTimeout(fd, seconds);
      if (pretimeout > 0) device.setPretimeout(pretimeout); // a shorter timeout has taken it off
      return effective;
    },
    disarm() {
      system.write(fd, MAGIC_CLOSE);
      system.close(fd);
    },
  };
  return device;
}

function setTimeout(fd: number, seconds: number): number {
  system.record.setInt32(0, seconds, true);
  const result = system.ioctl(fd, abi.WDIOC_SETTIMEOUT);
  if (result < 0) return result;
  const accepted = system.record.getInt32(0, true);
  const effective = readTimeout(fd);
  return effective > 0 ? effective : accepted;
}

function setOptions(fd: number, options: number): number {
  system.record.setInt32(0, options, true);
  return system.ioctl(fd, abi.WDIOC_SETOPTIONS);
}

function readTimeout(fd: number): number {
  const result = system.ioctl(fd, abi.WDIOC_GETTIMEOUT);
  return result < 0 ? result : system.record.getInt32(0, true);
}

function readSupport(fd: number): { readonly identity: string; readonly options: number } | undefined {
  for (let i = 0; i < abi.WATCHDOG_INFO_SIZE; i += 4) system.record.setInt32(i, 0, true);
  if (system.ioctl(fd, abi.WDIOC_GETSUPPORT) < 0) return undefined;
  const bytes: number[] = [];
  for (let i = abi.WATCHDOG_INFO_IDENTITY; i < abi.WATCHDOG_INFO_SIZE; i++) {
    const byte = system.record.getUint8(i);
    if (byte === 0) break;
    bytes.push(byte);
  }
  return { identity: decode(new Uint8Array(bytes)), options: system.record.getUint32(0, true) };
}

/** The PCI configuration of the one i6300esb there is, or -1: of several, nothing tells which is ours. */
function openConfiguration(): number {
  const driver = `/sys/bus/pci/drivers/${I6300ESB}`; // the watchdog class has no link to the device
  const devices = system.listFolder(driver).filter((name) => name.includes(":"));
  if (devices.length !== 1) return -1;
  const path = `${driver}/${devices[0]}/config`;
  const fd = system.open(path, abi.O_RDWR);
  return fd < 0 ? system.open(path, abi.O_RDONLY) : fd; // a locked down kernel lets nobody write
}

/**
 * The device to feed where the configuration leaves that open, by what the kernel knows of each without opening it: an emulated one
 * whose only purpose it is before the chipset's; a software one, which no kernel hang survives, only when it is asked for.
 */
export function chooseWatchdog(software: boolean): string | undefined {
  const found = system.listFolder("/sys/class/watchdog").flatMap((name) => {
    const identity = system.readWhole(`/sys/class/watchdog/${name}/identity`);
    return typeof identity === "number"
      ? []
      : [{ path: `/dev/${name}`, rank: rankOf(decode(identity).trim(), software) }];
  });
  const best = found.filter(({ rank }) => rank >= 0).sort((a, b) => a.rank - b.rank)[0];
  if (best !== undefined) return best.path;
  // ib700wdt is not in that class: its one node says no more than that it is there.
  return found.length === 0 && system.readLink("/dev/watchdog") !== -abi.ENOENT ? "/dev/watchdog" : undefined;
}

function rankOf(identity: string, software: boolean): number {
  if (identity === SOFTDOG) return software ? PREFERRED.length + 1 : -1;
  const rank = PREFERRED.indexOf(identity);
  return rank === -1 ? PREFERRED.length : rank;
}

/** The device's folder in sysfs, by identity: numbers and names do not tell devices apart. ib700 has none. */
function findEntry(identity: string): string | undefined {
  for (let n = 0; n < 8; n++) {
    const entry = `/sys/class/watchdog/watchdog${n}`;
    const name = system.readWhole(`${entry}/identity`);
    if (typeof name !== "number" && decode(name).trim() === identity) return entry;
  }
  return undefined;
}

function isUnstoppable(entry: string | undefined): boolean {
  const nowayout = entry === undefined ? -1 : system.readWhole(`${entry}/nowayout`);
  return typeof nowayout !== "number" && numberAt(nowayout, 0) === 1;
}
