/** The daemon: `bernard-guest [--config FILE]`. Everything else on a command line goes to the tools, a program of its own. */
import { decode } from "./bytes.ts";
import type { Settings } from "./config.ts";
import { complain, createChecks, DEFAULT_FILE, EXIT, isFedInTime, loadSettings, pathOrNone } from "./configure.ts";
import { Daemon } from "./daemon.ts";
import * as abi from "./linux/abi.ts";
import { LinuxPlatform } from "./linux/platform.ts";
import * as system from "./linux/system.ts";
import { openWatchdog } from "./linux/watchdog.ts";
import type { Device } from "./platform.ts";

main();

function main(): never {
  const settings = loadSettings(args[1] ?? DEFAULT_FILE);
  const platform = new LinuxPlatform({
    channel: pathOrNone(settings, "channel"),
    stateDirectory: pathOrNone(settings, "state-directory"),
  });
  // The order matters: children are forked before memory is locked and before there is a device that they could hold open.
  const checks = createChecks(settings, platform, "watch");
  const refused = platform.harden(settings.on("realtime") ? settings.number("priority") : undefined);
  const { device, timeout } = arm(settings, platform);
  if (refused.length > 0) {
    platform.log(`warning: ${refused.join(", ")}; needs CAP_SYS_RESOURCE, CAP_IPC_LOCK, CAP_SYS_NICE`, true);
  }
  const interval = settings.number("interval");
  const boot = platform.readFile("/proc/sys/kernel/random/boot_id");
  const daemon = new Daemon({
    platform,
    interval,
    checks,
    device,
    timeout,
    boot: boot === undefined ? "" : decode(boot).trim(),
  });
  daemon.start();
  let next = now();
  do {
    daemon.round();
    // Absolute times: a slow round does not push the next one. After a gap (a starved host) rounds start afresh.
    next = Math.max(next + interval * 1000, now());
  } while (platform.wait(next) !== "stop");
  daemon.stop();
  return system.exit(EXIT.well);
}

/** Opens the device and sets its timeout; what the device makes of it is what counts. */
function arm(settings: Settings, platform: LinuxPlatform): { device: Device | undefined; timeout: number } {
  const wanted = settings.number("watchdog-timeout");
  const path = pathOrNone(settings, "watchdog-device");
  if (path === undefined) return { device: undefined, timeout: wanted };
  const device = openWatchdog(path);
  if (typeof device === "number") {
    complain(`${path}: ${explainOpen(-device)}`);
    return system.exit(EXIT.refused);
  }
  for (const fd of device.fds) platform.adopt(fd);
  const timeout = takeTimeout(device, wanted, platform);
  const interval = settings.number("interval");
  if (timeout > 0 && isFedInTime(interval, timeout)) return { device, timeout };
  device.disarm();
  const { identity } = device;
  if (timeout <= 0)
    complain(`${path}: ${identity} takes no timeout and tells none (errno ${-timeout}); choose another device`);
  else complain(`${path}: ${identity} fires after ${timeout} s: lower interval (${interval} s) to half of that`);
  return system.exit(EXIT.refused);
}

/** Seconds in force: what the device makes of `wanted`, or keeps where it refuses that; a negative errno where it tells neither. */
function takeTimeout(device: Device, wanted: number, platform: LinuxPlatform): number {
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
      return "no such device; give the guest a watchdog and load its driver (modprobe i6300esb or ib700wdt)";
    case abi.ENOTTY:
      return "not a watchdog device (no answer to WDIOC_GETSUPPORT); name another as watchdog-device";
    case abi.EACCES:
    case abi.EPERM:
      return `may not be opened (errno ${errno}); run as root`;
    default:
      return `cannot be opened (errno ${errno}); see the kernel's log`;
  }
}
