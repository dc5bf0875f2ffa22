/** A guest without a watchdog device: nothing notices when it hangs. */
import type { Rule } from "../finding.ts";
import { isBefore } from "../libvirt-version.ts";
import { inCommand } from "../words.ts";

export const noDevice: Rule = {
  id: "no-device",
  find: ({ guest, hardware, nextStart, libvirt }) => {
    if (hardware instanceof Error || hardware.watchdogs.length > 0) return undefined;
    if (nextStart !== undefined && nextStart.watchdogs.length > 0) return undefined; // next-start-differs tells it
    // Its strap against resets is set there; since 9.1 libvirt clears it, and has it in the XML.
    const inert = hardware.machine.includes("q35") && isBefore(libvirt, 9, 1);
    const but = inert ? ` (the machine's own itco does nothing under libvirt ${libvirt})` : "";
    const isWindows = hardware.machine.includes("q35") && hardware.os?.startsWith("http://microsoft.com/");
    return {
      severity: "problem",
      what: `it has no watchdog device${but}: when it hangs, it stays so`,
      // Windows has a driver for nothing else.
      cure: `bernard protect ${inCommand(guest)}${isWindows ? " --model wdat, which nobody has seen there yet" : ""}`,
    };
  },
};
