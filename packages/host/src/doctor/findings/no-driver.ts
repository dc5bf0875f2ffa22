/** A guest whose kernel drives none of its devices. */
import type { Hardware } from "@bernard/hypervisor";
import { kernelWithoutDriver } from "../driver.ts";
import type { Rule } from "../finding.ts";
import { devices } from "../words.ts";

/** The module of each model's driver. */
const MODULES: Readonly<Record<string, string>> = {
  i6300esb: "i6300esb",
  ib700: "ib700wdt",
  itco: "iTCO_wdt",
  diag288: "diag288_wdt",
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
    if (kernel !== undefined) {
      return {
        severity: "problem",
        what: `its kernel (${inside.kernel ?? inside.system}, ${kernel}) has no driver for ${devices(hardware)}`,
        cure: "install another kernel in it, such as linux-image-amd64, or Debian's cloud kernel 6.12, which drives i6300esb",
      };
    }
    if (inside.devices === undefined) return undefined;
    return {
      severity: "problem",
      what: `its kernel (${inside.kernel ?? "of unknown release"}) drives no watchdog device, while it has ${devices(hardware)}`,
      cure: `in the guest: modprobe ${modules(hardware)}, and name it in /etc/modules-load.d; Ubuntu keeps such modules on a blacklist`,
    };
  },
};

const modules = ({ watchdogs }: Hardware) => MODULES[watchdogs[0]?.model ?? ""] ?? watchdogs[0]?.model;
