/** Several devices: a daemon feeds one of them, and any other that is armed fires by itself. */
import type { Rule } from "../finding.ts";
import { devices, inCommand } from "../words.ts";

export const severalWatchdogs: Rule = {
  id: "several-watchdogs",
  find: ({ guest, hardware }) => {
    if (hardware instanceof Error) return undefined;
    // What the machine always has is nobody's mistake: it is armed only where a driver was told to.
    const put = hardware.watchdogs.filter(({ origin }) => origin !== "implicit");
    if (hardware.watchdogs.length > 1 && hardware.action === undefined) {
      return {
        severity: "problem",
        what: `its devices ${devices(hardware)} disagree: nobody can tell what a fire does`,
        cure: `keep one of them, with the action reset: bernard unprotect ${inCommand(guest)}, then bernard protect ${inCommand(guest)}`,
      };
    }
    if (put.length < 2) return undefined;
    return {
      severity: "warning",
      what: `it has ${devices(hardware)}: a daemon feeds one of them, and whatever arms another must feed that too, or the guest is reset`,
      cure: `keep one of them: bernard unprotect ${inCommand(guest)}, then bernard protect ${inCommand(guest)}`,
    };
  },
};
