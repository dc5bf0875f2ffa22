/** The iTCO of a q35 under a libvirt that leaves its strap against resets set: it counts, and does nothing. */
import type { Rule } from "../finding.ts";
import { isBefore } from "../libvirt-version.ts";
import { inCommand } from "../words.ts";

export const itcoInert: Rule = {
  id: "itco-inert",
  find: ({ guest, hardware, libvirt }) => {
    if (hardware instanceof Error || !isBefore(libvirt, 9, 1)) return undefined;
    const [device, ...others] = hardware.watchdogs;
    if (device?.model !== "itco" || device.origin === "outside" || others.length > 0) return undefined;
    return {
      severity: "problem",
      what: `its only device is the machine's own itco, which does nothing under libvirt ${libvirt}`,
      cure: `bernard protect ${inCommand(guest)} --model i6300esb, or bring libvirt to 9.1`,
    };
  },
};
