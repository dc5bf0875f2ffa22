/**
 * Which watchdog device a guest gets, and with which action: by its machine, its architecture and its operating system.
 * Why so: docs/decisions/0017-protect.md.
 */
import { WATCHDOG_MODELS, type WatchdogAction, type WatchdogModel } from "./watchdog.ts";

export interface WatchdogNeed {
  /** As libvirt spells it: `x86_64`, `i686`, `aarch64`, `s390x`. */
  readonly architecture: string;
  /** The machine's type in full, or an alias: `pc-i440fx-7.2`, `q35`. */
  readonly machine: string;
  /** libosinfo's id of the guest's system, if known. */
  readonly os: string | undefined;
  /** What the guest has; `implicit` is part of its machine, `outside` unknown to its hypervisor's manager. */
  readonly watchdogs: readonly { readonly model: string; readonly origin: "declared" | "implicit" | "outside" }[];
  /** What its operator asks for; undefined: whatever is right. */
  readonly model: WatchdogModel | undefined;
  readonly action: WatchdogAction | undefined;
}

export type WatchdogChoice =
  | {
      readonly model: WatchdogModel;
      readonly action: WatchdogAction;
      /** Whether the guest has the device already. */
      readonly kept: boolean;
      /**
       * A device that must be declared beside it: libvirt before 9.1 knows no itco, and where it knows of no device at all, it
       * gives none an action and crashes when one fires.
       */
      readonly beside: "i6300esb" | undefined;
      /** Models of declared devices that must go: no driver, no such bus, or another was asked for. */
      readonly replaces: readonly WatchdogModel[];
      /** Linux's driver, without which the device does nothing; nobody outside the guest can know whether it is there. */
      readonly driver: string;
      /** What its operator should know of the action, or of the device in that system. */
      readonly warnings: readonly string[];
    }
  | { readonly refused: string; readonly hint: string };

const DRIVERS: Readonly<Record<WatchdogModel, string>> = {
  i6300esb: "i6300esb",
  ib700: "ib700wdt",
  itco: "iTCO_wdt",
  diag288: "diag288_wdt",
  wdat: "wdat_wdt",
};

const UNTESTED = "nobody has seen Windows feed it yet: docs/host/wdat.md has the steps to see it";

const WARNINGS: Readonly<Partial<Record<WatchdogAction, string>>> = {
  pause: "paused by its watchdog, it stays so until somebody on the host resets it",
  none: "nothing brings it back when its watchdog fires",
  dump: "libvirt resumes it after the dump, as hung as before",
  poweroff: "nothing starts it again when its watchdog has fired",
  shutdown: "a guest that hangs does not obey",
  "inject-nmi": "a kernel that does not panic at an NMI hangs on, and its i6300esb is dead",
};

export function chooseWatchdog(need: WatchdogNeed): WatchdogChoice {
  // Where the table is, what stands beside it is there for its sake.
  const asked = need.model ?? need.watchdogs.find(({ model }) => model === "wdat")?.model;
  const kept = need.watchdogs.find(
    ({ model, origin }) =>
      (origin !== "outside" || model === "wdat") && [undefined, model].includes(asked) && fits(model, need),
  );
  const wanted = need.model === undefined ? preferred(need) : [need.model];
  const model = WATCHDOG_MODELS.find((each) => each === kept?.model) ?? wanted.find((each) => fits(each, need));
  if (model === undefined) return refusal(wanted[0], need);
  const action = need.action ?? "reset";
  const beside = model === "wdat" && !isKnownItco(need) ? "i6300esb" : undefined;
  // A model that we do not know is left to whoever declared it.
  const removable = WATCHDOG_MODELS.filter((each) => isRemovable(each, need) && each !== beside);
  const goes = (each: WatchdogModel) => (need.model === undefined ? !fits(each, need) : each !== model);
  const untested = model === "wdat" && isWindows(need) ? [UNTESTED] : [];
  return {
    model,
    action,
    kept: kept !== undefined,
    beside,
    replaces: removable.filter(goes),
    driver: DRIVERS[model],
    warnings: [...untested, ...(WARNINGS[action] === undefined ? [] : [WARNINGS[action]])],
  };
}

const isRemovable = (model: WatchdogModel, { watchdogs }: WatchdogNeed): boolean =>
  watchdogs.some((each) => each.model === model && (each.origin === "declared" || model === "wdat"));

/** libvirt has it in the guest's XML, and with it its action. */
const isKnownItco = ({ watchdogs }: WatchdogNeed): boolean =>
  watchdogs.some(({ model, origin }) => (model === "itco" || model === "wdat") && origin === "implicit");

const isWindows = ({ os }: WatchdogNeed): boolean => os?.startsWith("http://microsoft.com/") ?? false;

/** The models for a machine, the best first; none where we do not know the machine. */
function preferred({ architecture, machine, watchdogs }: WatchdogNeed): WatchdogModel[] {
  if (isI440fx(machine)) return ["i6300esb", "ib700"];
  if (isQ35(machine)) return watchdogs.some(({ origin }) => origin === "implicit") ? ["itco"] : ["i6300esb"];
  if (isArm(architecture) && /^virt(-|$)/.test(machine)) return ["i6300esb"];
  if (architecture === "s390x") return ["diag288"];
  return [];
}

function refusal(model: WatchdogModel | undefined, need: WatchdogNeed): WatchdogChoice {
  if (isWindows(need) && model !== "wdat") {
    const refused = "Windows has no driver for any watchdog device of QEMU's";
    // Never chosen for it: nobody has seen what Windows does with it.
    if (isQ35(need.machine)) return { refused, hint: `--model wdat may do for it: ${UNTESTED}` };
    return { refused, hint: "watch it from the host alone; on q35 --model wdat may do for it" };
  }
  const hint = "name another by --model";
  if (model !== undefined) return { refused: obstacle(model, need)!, hint };
  const refused = obstacle("i6300esb", need) ?? `no watchdog device is known to be right for ${machineOf(need)}`;
  return { refused, hint: "if its bus takes one, name it by --model" };
}

const fits = (model: string, need: WatchdogNeed): boolean => obstacle(model, need) === undefined;

/** Why a guest cannot have that device, if it cannot. */
function obstacle(model: string, need: WatchdogNeed): string | undefined {
  const inThis = `this guest is ${machineOf(need)}`;
  if (isWindows(need) && model !== "wdat") return "Windows has no driver for it";
  switch (model) {
    case "i6300esb":
      if (/^(isapc|microvm)/.test(need.machine)) return `i6300esb is a PCI device, and ${need.machine} has no PCI bus`;
      if (need.architecture === "s390x") return "an s390x guest takes diag288 alone";
      return tooOld(model, need.os, 6, 0);
    case "ib700":
      if (!/^(i[3-6]86|x86_64)$/.test(need.architecture)) return `ib700 is an ISA device of a PC, and ${inThis}`;
      if (!isI440fx(need.machine)) return `libvirt allows ib700 on i440fx alone, and ${inThis}`;
      return tooOld(model, need.os, 6, 2);
    case "itco":
      if (!isQ35(need.machine)) return `itco is part of q35, and ${inThis}`;
      if (need.watchdogs.some((each) => each.model === "itco" && each.origin !== "outside")) return undefined;
      return "libvirt has itco since 9.1, and this one does not show it";
    case "diag288":
      return need.architecture === "s390x" ? undefined : `diag288 is a device of s390x, and ${inThis}`;
    case "wdat":
      return isQ35(need.machine) ? undefined : `wdat is a table for q35's own timer, and ${inThis}`;
    default:
      return `${model} is no watchdog device known here`;
  }
}

/** Red Hat's releases by their number, and those built from the same sources. */
const RHEL = /^http:\/\/(?:redhat\.com\/rhel|centos\.org\/centos|oracle\.com\/ol)\/(\d+)(?:\.(\d+))?/;

function tooOld(model: string, os: string | undefined, major: number, minor: number): string | undefined {
  const [, first, second] = RHEL.exec(os ?? "") ?? [];
  if (first === undefined) return undefined;
  const release = Number(first);
  if (release > major || (release === major && Number(second ?? minor) >= minor)) return undefined;
  return `RHEL supports ${model} since ${major}.${minor}, and this guest has ${second === undefined ? first : `${first}.${second}`}`;
}

const isI440fx = (machine: string): boolean => /^(pc|pc-i440fx-.*|pc-[01]\.\d+|rhel\d.*)$/.test(machine);
export const isQ35 = (machine: string): boolean => /(^|-)q35(-|$)/.test(machine);
const isArm = (architecture: string): boolean => /^(aarch64|armv\d.*)$/.test(architecture);
const machineOf = ({ architecture, machine }: WatchdogNeed): string =>
  `${machine || "an unknown machine"} (${architecture || "unknown architecture"})`;
