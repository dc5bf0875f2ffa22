/** Finds, opens and arms the watchdog device that the configuration asks for; what it makes of the timeouts is what counts. */
import type { Settings } from "./config.ts";
import { complain, EXIT, isFedInTime, pathOrNone } from "./configure.ts";
import * as abi from "./linux/abi.ts";
import * as system from "./linux/system.ts";
import { chooseWatchdog, type OpenDevice, openWatchdog, SOFTDOG, takeWatchdog } from "./linux/watchdog.ts";
import type { Device, Platform } from "./platform.ts";

/** What the configuration says for any device. */
const AUTO = "auto";

/**
 * The device, open; undefined where there is none and none is needed.
 * @param fd where this program's life before has it open
 */
export function openDevice(settings: Settings, platform: Platform, fd: number | undefined): OpenDevice | undefined {
  const inherited = fd === undefined ? undefined : takeWatchdog(fd);
  const software = settings.on("software");
  const wish = pathOrNone(settings, "watchdog-device");
  if (inherited !== undefined && wish !== undefined) return inherited;
  if (inherited !== undefined) inherited.disarm();
  const path = wish === AUTO ? chooseWatchdog(software) : wish;
  if (path === undefined) {
    if (wish === AUTO)
      platform.log("NOT PROTECTED: this guest has no watchdog device; everything is checked, nothing is ended", true);
    return undefined;
  }
  const device = openWatchdog(path);
  if (typeof device === "number") return refuse(`${path}: ${explainOpen(-device)}`);
  if (device.identity !== SOFTDOG || software) return device;
  device.disarm();
  return refuse(
    `${path}: ${SOFTDOG} is only the kernel's own timer and dies with the kernel; 'software = yes' takes it all the same`,
  );
}

/** Milliseconds from one look for a device that has come late to the next. */
const LOOK_INTERVAL = 30_000;

/** The search for a device where the configuration takes any and there was none at start: its driver may be loaded later. */
export class LateDevice {
  readonly #settings: Settings;
  readonly #platform: Platform;
  #nextLook = 0;
  #said = "";

  constructor(settings: Settings, platform: Platform) {
    this.#settings = settings;
    this.#platform = platform;
  }

  /** One that is there now, open. */
  look(now: number): OpenDevice | undefined {
    if (now < this.#nextLook || this.#settings.path("watchdog-device") !== AUTO) return undefined;
    this.#nextLook = now + LOOK_INTERVAL;
    const path = chooseWatchdog(this.#settings.on("software"));
    const device = path === undefined ? undefined : openWatchdog(path);
    if (typeof device !== "number") return device;
    const why = `NOT PROTECTED: ${path}: ${explainOpen(-device)}`;
    if (why !== this.#said) this.#platform.log(why, true);
    this.#said = why;
    return undefined;
  }
}

function refuse(why: string): never {
  complain(why);
  return system.exit(EXIT.refused);
}

/** Sets the device's timeouts; what the device makes of them is what counts. Returns the timeout in force. */
export function arm(device: OpenDevice, settings: Settings, platform: Platform): number {
  const { identity } = device;
  const wanted = settings.number("watchdog-timeout");
  const timeout = takeTimeout(device, wanted, platform);
  const pretimeout = settings.number("watchdog-pretimeout");
  const refused = pretimeout === 0 ? 0 : device.setPretimeout(pretimeout);
  if (refused < 0) platform.log(`warning: ${identity} has no pretimeout (errno ${-refused})`, true);
  if (timeout > 0 && device.counts(timeout)) return timeout;
  device.disarm();
  if (timeout > 0)
    return refuse(
      `${identity} does not count down: its ACPI table (WDAT) names registers that are not there; use the table for this machine and firmware`,
    );
  return refuse(`${identity} takes no timeout and tells none (errno ${-timeout}); choose another device`);
}

/** Seconds from one round to the next: as configured, or less where the device's timeout is not the one that this was meant for. */
export function paceFor(timeout: number, settings: Settings, platform: Platform): number {
  const interval = settings.number("interval");
  if (isFedInTime(interval, timeout)) return interval;
  platform.log(
    `warning: the device fires after ${timeout} s: the interval is ${timeout / 2} s, not ${interval} s`,
    true,
  );
  return timeout / 2;
}

/** Seconds in force: what the device makes of `wanted`, or keeps where it refuses that; a negative errno where it tells neither. */
function takeTimeout(device: Device, wanted: number, platform: Platform): number {
  const set = device.setTimeout(wanted);
  const timeout = set > 0 ? set : device.timeout();
  if (timeout <= 0) return set;
  if (set < 0)
    platform.log(`warning: ${device.identity} refuses ${wanted} s (errno ${-set}) and keeps ${timeout} s`, true);
  else if (set !== wanted) platform.log(`warning: ${device.identity} made ${set} s out of ${wanted} s`, true);
  return timeout;
}

function explainOpen(errno: number): string {
  switch (errno) {
    case abi.EBUSY:
      return "another program holds it (systemd's RuntimeWatchdogSec, watchdog, watchdogd?); stop that one first";
    case abi.ENOENT:
      return "no such device; give the guest a watchdog and load its driver (modprobe i6300esb, wdat_wdt or ib700wdt)";
    case abi.ENOTTY:
      return "not a watchdog device (no answer to WDIOC_GETSUPPORT); name another as watchdog-device";
    case abi.EACCES:
    case abi.EPERM:
      return `may not be opened (errno ${errno}); run as root`;
    default:
      return `cannot be opened (errno ${errno}); see the kernel's log`;
  }
}
