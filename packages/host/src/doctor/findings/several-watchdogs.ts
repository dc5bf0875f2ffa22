/** Several devices: a daemon feeds one of them, and any other that is armed fires by itself. */
import type { Rule } from "../finding.ts";
import { devices, inCommand } from "../words.ts";

export const severalWatchdogs: Rule = {
  id: "several-watchdogs",
  find: ({ guest, hardware }) => {
    if (hardware instanceof Error) return undefined;
    // What the machine always has is nobody's mistake, and beside our table libvirt before 9.1 needs one.
    const put = hardware.watchdogs.filter(({ model, origin }) => origin !== "implicit" && model !== "wdat");
    if (put.length < 2) return undefined;
    return {
      severity: "warning",
      what: `it has ${devices(hardware)}, with one action for all: a daemon feeds one, and another that is armed fires by itself`,
      cure: `keep one of them: bernard unprotect ${inCommand(guest)}, then bernard protect ${inCommand(guest)}`,
    };
  },
};
