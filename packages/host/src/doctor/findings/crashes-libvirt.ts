/** A device that libvirt before 9.1 does not know of, in a guest without any that it knows: libvirtd crashes when it fires. */
import type { Rule } from "../finding.ts";
import { isBefore } from "../libvirt-version.ts";
import { inCommand } from "../words.ts";

export const crashesLibvirt: Rule = {
  id: "crashes-libvirt",
  find: ({ guest, hardware, libvirt }) => {
    if (hardware instanceof Error || !isBefore(libvirt, 9, 1)) return undefined;
    const outside = hardware.watchdogs.filter(({ origin }) => origin === "outside");
    if (outside.length === 0 || hardware.watchdogs.some(({ origin }) => origin === "declared")) return undefined;
    return {
      severity: "problem",
      what: `its ${outside[0]?.model} was put in behind libvirt's back (qemu:commandline): libvirt ${libvirt} crashes when it fires`,
      cure: `take it out with virsh edit, then bernard protect ${inCommand(guest)}; or bring libvirt to 9.1`,
    };
  },
};
