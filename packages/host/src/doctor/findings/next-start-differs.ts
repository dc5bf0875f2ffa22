/** A guest that is protected now and not after its next power cycle, or the other way round. */
import type { Rule } from "../finding.ts";
import { devices, inCommand } from "../words.ts";

export const nextStartDiffers: Rule = {
  id: "next-start-differs",
  find: ({ guest, hardware, nextStart }) => {
    if (hardware instanceof Error || nextStart === undefined) return undefined;
    const [before, after] = [devices(hardware), devices(nextStart)];
    if (before === after && hardware.action === nextStart.action) return undefined;
    const cycle = `virsh shutdown ${inCommand(guest)}, then virsh start ${inCommand(guest)}`;
    if (before === "") {
      return {
        severity: "problem",
        what: `it has no watchdog device before its next power cycle; then it gets ${after}`,
        cure: `${cycle}; a reboot from inside is not enough`,
      };
    }
    if (after === "") {
      return {
        severity: "problem",
        what: `its ${before} is gone after its next power cycle`,
        cure: `bernard protect ${inCommand(guest)}`,
      };
    }
    return {
      severity: "warning",
      what: `it runs with ${before} and ${hardware.action ?? "an unknown action"}, and starts next with ${after} and ${nextStart.action ?? "an unknown action"}`,
      cure: `${cycle}, where the latter is what you want; else bernard protect ${inCommand(guest)}`,
    };
  },
};
