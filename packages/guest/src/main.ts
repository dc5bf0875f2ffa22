/** The daemon: `bernard-guest [--config FILE]`. Everything else on a command line goes to the tools, a program of its own. */
import { decode } from "./bytes.ts";
import type { Settings } from "./config.ts";
import { complain, createChecks, DEFAULT_FILE, EXIT, loadSettings, pathOrNone } from "./configure.ts";
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
    stateDirectory: settings.path("state-directory"),
  });
  // The order matters: children are forked before memory is locked and before there is a device that they could hold open.
  const checks = createChecks(settings, platform, "watch");
  if (settings.on("realtime")) platform.harden(settings.number("priority"));
  const { device, timeout } = arm(settings, platform);
  const interval = settings.number("interval");
  const boot = platform.readFile("/proc/sys/kernel/random/boot_id");
  const daemon = new Daemon({ platform, checks, device, timeout, boot: boot === undefined ? "" : decode(boot).trim() });
  daemon.start();
  let next = now();
  do {
    daemon.round();
    // Absolute times: a slow round does not push the next one. After a gap (a starved host) rounds start afresh.
    next = Math.max(next + interval * 1000, now());
  } while (!platform.wait(next));
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
  platform.adopt(device.fd);
  const timeout = device.setTimeout(wanted);
  if (timeout < 0) {
    device.disarm();
    complain(
      `${path}: ${device.identity} does not take watchdog-timeout ${wanted} s (errno ${-timeout}); choose a shorter one`,
    );
    return system.exit(EXIT.refused);
  }
  if (timeout !== wanted) platform.log(`${device.identity} made a timeout of ${timeout} s out of ${wanted} s`, true);
  return { device, timeout };
}

function explainOpen(errno: number): string {
  if (errno === abi.EBUSY)
    return "another program holds it (systemd's RuntimeWatchdogSec, watchdog, watchdogd?); stop that one first";
  if (errno === abi.ENOENT)
    return "no such device; give the guest a watchdog and load its driver (modprobe i6300esb or ib700wdt)";
  if (errno === abi.ENOTTY)
    return "not a watchdog device (no answer to WDIOC_GETSUPPORT); name another as watchdog-device";
  return `cannot be opened (errno ${errno}); run as root`;
}
