/**
 * What a guest is made of, by QEMU's object model and the arguments it was started with.
 * Reference: https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html#qapidoc-qom-list
 */
import { WATCHDOG_ACTIONS, WATCHDOG_MODELS, type WatchdogAction } from "@bernard/policy";
import type { Monitor } from "../fire-mark.ts";
import type { Hardware, Owner, Watchdog } from "../hypervisor.ts";
import { channelsOf, consoleDevice } from "./character-devices.ts";
import { type EmulatorProcess, lastValue } from "./emulator-process.ts";
import { objectsIn } from "./object-model.ts";
import { recordOf, textOf } from "./qmp-values.ts";

/** Where QEMU's name for a processor is not libvirt's. */
const ARCHITECTURES: Readonly<Record<string, string | undefined>> = { i386: "i686", arm: "armv7l" };

/**
 * @param process undefined where it cannot be seen
 * @param set the action that we have set in this life
 */
export async function hardwareOf(
  ask: Monitor,
  process: EmulatorProcess | undefined,
  set: WatchdogAction | undefined,
): Promise<Hardware> {
  const [target, type, devices, channels, console] = await Promise.all([
    ask("query-target"),
    ask("qom-get", { path: "/machine", property: "type" }),
    objectsIn(ask, ["/machine/peripheral", "/machine/peripheral-anon"]),
    channelsOf(ask),
    consoleDevice(ask),
  ]);
  const arch = textOf(recordOf(target).arch) ?? "unknown";
  const machine = (textOf(type) ?? "unknown").replace(/-machine$/, "");
  const watchdogs: Watchdog[] = devices
    .filter((device) => WATCHDOG_MODELS.some((model) => model === device.type))
    .map((device) => ({ model: device.type, origin: "declared" }));
  if (/^(pc-)?q35\b/.test(machine)) watchdogs.push({ model: "itco", origin: "implicit" });
  return {
    architecture: ARCHITECTURES[arch] ?? arch,
    machine,
    watchdogs,
    action: watchdogs.length === 0 ? undefined : (set ?? actionIn(process)),
    channels: channels.map(({ name, open }) => ({ name, open })),
    consoleLogged: console?.logged ?? logOption(process, console?.label),
    os: undefined,
    owner: process && ownerIn(process),
  };
}

/** `-action reboot=shutdown,watchdog=pause`, or `-watchdog-action pause`; nobody knows what another client has set since. */
function actionIn(process: EmulatorProcess | undefined): WatchdogAction | undefined {
  if (process === undefined) return undefined;
  let action = "reset";
  for (const [place, option] of process.arguments.entries()) {
    const value = process.arguments[place + 1] ?? "";
    if (/^--?watchdog-action$/.test(option)) action = value;
    if (/^--?action$/.test(option)) action = /(?:^|,)watchdog=([^,]*)/.exec(value)?.[1] ?? action;
  }
  return WATCHDOG_ACTIONS.find((known) => known === action);
}

/** `-chardev socket,id=serial0,path=...,logfile=...` */
function logOption(process: EmulatorProcess | undefined, label: string | undefined): boolean | undefined {
  if (process === undefined || label === undefined) return undefined;
  return process.arguments.some((each) => each.split(",").includes(`id=${label}`) && /,logfile=/.test(each));
}

/** Proxmox VE keeps the PID of each guest's QEMU in a file of its own. */
function ownerIn({ arguments: all }: EmulatorProcess): Owner | undefined {
  const file = lastValue(all, "pidfile");
  if (file === undefined || !/^(\/var)?\/run\/qemu-server\//.test(file)) return undefined;
  return { name: "proxmox", mark: `its QEMU was started with -pidfile ${file}` };
}
