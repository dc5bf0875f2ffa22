/** The action `poweroff`: a fire ends the guest, and who starts it again? */
import type { Rule } from "../finding.ts";
import { inCommand } from "../words.ts";

export const staysOff: Rule = {
  id: "stays-off",
  find: ({ guest, hardware }) =>
    hardware instanceof Error || hardware.action !== "poweroff"
      ? undefined
      : {
          severity: "warning",
          what: "its action is poweroff: after a fire it is off, and libvirt does not start it again",
          cure: `bernard protect ${inCommand(guest)} --action reset, unless something else starts it`,
        },
};
