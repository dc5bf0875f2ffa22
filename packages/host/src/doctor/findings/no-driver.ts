/** A guest whose kernel drives none of its devices. */
import type { Hardware } from "@bernard/hypervisor";
import { isQ35 } from "@bernard/policy";
import { kernelWithoutDriver } from "../driver.ts";
import type { Rule } from "../finding.ts";
import { devices, inCommand } from "../words.ts";

/** The module of each model's driver. */
const MODULES: Readonly<Record<string, string>> = {
  i6300esb: "i6300esb",
  ib700: "ib700wdt",
  itco: "iTCO_wdt",
  diag288: "diag288_wdt",
  wdat: "wdat_wdt",
};

export const noDriver: Rule = {
  id: "no-driver",
  find: ({ guest, hardware, inside, heard }) => {
    if (hardware instanceof Error || guest.state !== "running" || hardware.watchdogs.length === 0) return undefined;
    if (inside === undefined || (heard.state === "beat" && heard.feeds > 0)) return undefined;
    if ((inside.devices?.length ?? 0) > 0) return undefined;
    const kernel = kernelWithoutDriver(
      inside,
      hardware.watchdogs.map(({ model }) => model),
    );
    const table = isQ35(hardware.machine) ? `bernard protect ${inCommand(guest)} --model wdat` : undefined;
    if (kernel !== undefined) {
      const another =
        "install another kernel in it, such as linux-image-amd64, or Debian's cloud kernel 6.12, which drives i6300esb";
      return {
        severity: "problem",
        what: `its kernel (${inside.kernel ?? inside.system}, ${kernel.name}) has no driver for ${devices(hardware)}`,
        cure: table !== undefined && kernel.hasWdat ? `${table}: its kernel has a driver for that` : another,
      };
    }
    if (inside.devices === undefined) return undefined;
    const wdat = table === undefined || isWdat(hardware) ? "" : `; without that module, ${table} if it has wdat_wdt`;
    return {
      severity: "problem",
      what: `its kernel (${inside.kernel ?? "of unknown release"}) drives no watchdog device, while it has ${devices(hardware)}`,
      cure: `in the guest: modprobe ${modules(hardware)}, and name it in /etc/modules-load.d; Ubuntu keeps such modules on a blacklist${wdat}`,
    };
  },
};

const isWdat = ({ watchdogs }: Hardware) => watchdogs.some(({ model }) => model === "wdat");

/** Of the table where it is there: what stands beside that is for libvirt's sake. */
function modules(hardware: Hardware): string | undefined {
  const model = isWdat(hardware) ? "wdat" : hardware.watchdogs[0]?.model;
  return MODULES[model ?? ""] ?? model;
}
