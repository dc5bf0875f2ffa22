/** The daemon: `bernard-guest [--config FILE]`. Everything else on a command line goes to the tools, a program of its own. */
import type { Mode } from "@bernard/protocol/messages";
import { decode } from "./bytes.ts";
import type { Check } from "./check.ts";
import type { Settings } from "./config.ts";
import { createChecks, DEFAULT_FILE, EXIT, loadSettings, pathOrNone } from "./configure.ts";
import { answer } from "./control.ts";
import { crashKernelNotice } from "./crash-kernel.ts";
import { Daemon } from "./daemon.ts";
import { LinuxPlatform } from "./linux/platform.ts";
import * as system from "./linux/system.ts";
import type { OpenDevice } from "./linux/watchdog.ts";
import { arm, LateDevice, openDevice, paceFor } from "./open-device.ts";
import { logFor, NO_LIMIT } from "./operators-program.ts";
import type { Platform } from "./platform.ts";
import { RecordKeeper } from "./record.ts";
import { Reload } from "./reload.ts";
import { Repairs } from "./repair.ts";

/** Milliseconds between two rounds that something calls for early: a flood of calls costs no more than ten rounds a second. */
const SHORTEST_ROUND = 100;

/** Milliseconds that the record of a clean stop may take. */
const FAREWELL = 1000;

main();

function main(): never {
  const file = args[1] ?? DEFAULT_FILE;
  const settings = loadSettings(file);
  const handedOn = takeOver();
  const platform = new LinuxPlatform({
    inherited: handedOn?.fd,
    channel: pathOrNone(settings, "channel"),
    stateDirectory: pathOrNone(settings, "state-directory"),
    runtimeDirectory: pathOrNone(settings, "runtime-directory"),
  });
  // The order matters: children are forked before memory is locked and before there is a device that they could hold open.
  const checks = createChecks(settings, platform, "watch");
  const refused = platform.harden(settings.on("realtime") ? settings.number("priority") : undefined);
  const device = openDevice(settings, platform, handedOn?.fd);
  for (const fd of device?.fds ?? []) platform.adopt(fd);
  const timeout = device === undefined ? settings.number("watchdog-timeout") : arm(device, settings, platform);
  device?.feed();
  const interval = paceFor(timeout, settings, platform);
  const reload = new Reload(platform, { program: ownProgram(platform), file, log: reloadLog(settings) });
  const daemon = createDaemon({ settings, platform, checks, device, timeout, interval, reload });
  if (handedOn !== undefined && handedOn.mutedUntil > now()) daemon.mute((handedOn.mutedUntil - now()) / 1000);
  const unreachable = platform.openControl((request) => answer(request, daemon));
  const crashKernel = device === undefined ? undefined : crashKernelNotice(platform, timeout, settings);
  const notices = [
    ...(refused.length > 0 ? [`${refused.join(", ")}; needs CAP_SYS_RESOURCE, CAP_IPC_LOCK, CAP_SYS_NICE`] : []),
    ...(unreachable === "" ? [] : [`bernard-guest status cannot ask: ${unreachable}`]),
    ...(crashKernel === undefined ? [] : [crashKernel]),
    ...settings.notices,
  ];
  for (const notice of notices) platform.log(`warning: ${notice}`, true);
  daemon.start();
  platform.notifyManager("READY=1");
  return live({ file, settings, platform, device, timeout, interval, reload, daemon });
}

interface Parts {
  readonly settings: Settings;
  readonly platform: LinuxPlatform;
  readonly device: OpenDevice | undefined;
  /** Of the device, in seconds. */
  readonly timeout: number;
  /** Seconds from one round to the next. */
  readonly interval: number;
  readonly reload: Reload;
}

function createDaemon(parts: Parts & { readonly checks: readonly Check[] }): Daemon {
  const { settings, platform, device, timeout } = parts;
  const boot = readLine(platform, "/proc/sys/kernel/random/boot_id");
  const record = new RecordKeeper(platform, {
    directory: pathOrNone(settings, "state-directory"),
    machine: readLine(platform, "/sys/class/dmi/id/product_uuid"),
    boot,
    limit: settings.number("bite-limit"),
    window: settings.number("bite-window"),
    patience: (timeout * 1000) / 3,
  });
  record.open(device?.firedBefore());
  return new Daemon({
    platform,
    interval: parts.interval,
    checks: parts.checks,
    device,
    timeout,
    boot,
    mode: chooseMode(settings, platform),
    grace: settings.number("grace"),
    requestReload: () => parts.reload.ask(),
    endDeadline: settings.number("end-deadline"),
    sigtermDelay: settings.number("sigterm-delay"),
    record,
    repairs: new Repairs(platform, {
      program: pathOrNone(settings, "repair-binary"),
      timeout: (settings.number("repair-timeout") || NO_LIMIT) * 1000,
      maximum: settings.number("repair-maximum"),
      logFor: (program) => logFor(settings, program),
    }),
  });
}

/** Round after round, until a signal ends it. */
function live(parts: Parts & { readonly file: string; readonly daemon: Daemon }): never {
  const { file, settings, platform, reload, daemon } = parts;
  const search = new LateDevice(settings, platform);
  let { device, interval } = parts;
  let due = now();
  let late = 0;
  for (;;) {
    if (device === undefined) {
      device = search.look(now());
      if (device !== undefined) {
        for (const fd of device.fds) platform.adopt(fd);
        const timeout = arm(device, settings, platform);
        interval = paceFor(timeout, settings, platform);
        daemon.takeDevice(device, timeout);
      }
    }
    daemon.round(late);
    if (reload.isDue(daemon.unhealthy)) startAnew(file, device, daemon, platform);
    // Absolute times: a slow round does not push the next one. After a gap (a starved host) rounds start afresh.
    const done = now();
    if (due <= done) due = Math.max(due + interval * 1000, done);
    const called = platform.wait(due, done + SHORTEST_ROUND);
    late = called === "due" ? Math.max(0, now() - due) : 0;
    if (called === "reload") reload.ask();
    if (called !== "stop" && called !== "hand over") continue;
    platform.notifyManager("STOPPING=1");
    if (called === "stop") daemon.stop();
    else daemon.handOver();
    platform.settle(now() + FAREWELL);
    return system.exit(EXIT.well);
  }
}

/** Becomes the program on disk, with the device open; returns only where that fails. */
function startAnew(file: string, device: OpenDevice | undefined, daemon: Daemon, platform: LinuxPlatform): void {
  const fd = device?.fd ?? -1;
  device?.feed();
  system.keepOverExecute(fd, true);
  const handOn = `${fd}:${Math.max(0, Math.round(daemon.mutedUntil))}`;
  const program = ownProgram(platform);
  const result = system.execute([program, "--config", file, "--take-over", handOn]);
  system.keepOverExecute(fd, false);
  platform.log(`${program} cannot be started anew (errno ${-result}); everything stays as it was`, true);
}

/** This program's path; the kernel marks it where the file was replaced. */
function ownProgram(platform: Platform): string {
  const path = platform.readLink("/proc/self/exe") ?? "";
  const mark = " (deleted)";
  return path.endsWith(mark) ? path.slice(0, -mark.length) : path;
}

/** Where the program on disk complains of a configuration; empty: nowhere. */
function reloadLog(settings: Settings): string {
  const directory = pathOrNone(settings, "runtime-directory");
  return directory === undefined ? "" : `${directory}/reload`;
}

/** What this program's life before the reload hands on. */
interface HandedOn {
  readonly fd: number;
  /** Milliseconds of now(). */
  readonly mutedUntil: number;
}

function takeOver(): HandedOn | undefined {
  const [fd = "", mutedUntil = ""] = (args[3] ?? "").split(":");
  return args[2] === "--take-over" ? { fd: Number(fd), mutedUntil: Number(mutedUntil) } : undefined;
}

function readLine(platform: Platform, path: string): string {
  const bytes = platform.readFile(path);
  return bytes === undefined ? "" : decode(bytes).trim();
}

/** The kernel argument `bernard=observe` (announce, act) before the configuration: for whoever rolls out to thousands. */
function chooseMode(settings: Settings, platform: Platform): Mode {
  const modes: readonly Mode[] = ["act", "announce", "observe"];
  const words = readLine(platform, "/proc/cmdline").split(" ");
  return modes.find((mode) => words.includes(`bernard=${mode}`)) ?? (settings.choice("mode") as Mode);
}
