/** A device of which nobody can tell what a fire does. */
import type { Rule } from "../finding.ts";
import { devices } from "../words.ts";

export const unknownAction: Rule = {
  id: "unknown-action",
  find: ({ hardware }) =>
    hardware instanceof Error || hardware.watchdogs.length === 0 || hardware.action !== undefined
      ? undefined
      : {
          severity: "warning",
          what: `nobody can tell what is done when its ${devices(hardware)} fires`,
          cure: "set it where its emulator is started: -action watchdog=reset",
        },
};
