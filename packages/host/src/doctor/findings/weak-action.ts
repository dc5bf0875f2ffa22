/** Actions that leave a hung guest as it is. */
import type { Rule } from "../finding.ts";
import { inCommand } from "../words.ts";

const WHY: Readonly<Record<string, string>> = {
  none: "nothing is done when its device fires",
  shutdown: "when its device fires the power button is pressed, which a hung guest does not obey",
  "inject-nmi":
    "when its device fires it gets an NMI, on which a kernel that is not told to panic goes on as hung as it was",
};

/** After it the device is off, whatever its driver believes. */
const DIES = " and an i6300esb is dead after that";

export const weakAction: Rule = {
  id: "weak-action",
  find: ({ guest, hardware }) => {
    if (hardware instanceof Error || hardware.action === undefined) return undefined;
    const why = WHY[hardware.action];
    if (why === undefined) return undefined;
    const dies = hardware.watchdogs.some(({ model }) => model === "i6300esb");
    return {
      severity: hardware.action === "none" ? "problem" : "warning",
      what: `its action is ${hardware.action}: ${why}${dies ? `,${DIES}` : ""}`,
      cure: `bernard protect ${inCommand(guest)} --action reset`,
    };
  },
};
