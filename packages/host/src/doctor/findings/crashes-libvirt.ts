/**
 * A device that libvirt before 9.1 does not know of, in a guest without any that it knows: libvirtd crashes when it fires.
 * It may come from `qemu:commandline`, or with a machine q35 of QEMU 8.0 and later.
 */
import type { Rule } from "../finding.ts";
import { isBefore } from "../libvirt-version.ts";
import { inCommand } from "../words.ts";

export const crashesLibvirt: Rule = {
  id: "crashes-libvirt",
  find: ({ guest, hardware, libvirt }) => {
    if (hardware instanceof Error || !isBefore(libvirt, 9, 1)) return undefined;
    const outside = hardware.watchdogs.find(({ origin }) => origin === "outside");
    if (outside === undefined || hardware.watchdogs.some(({ origin }) => origin === "declared")) return undefined;
    return {
      severity: "problem",
      what: `libvirt ${libvirt} does not know of its ${outside.model}, and crashes when that fires`,
      cure: `bernard protect ${inCommand(guest)} gives it one that libvirt knows; or bring libvirt to 9.1`,
    };
  },
};
