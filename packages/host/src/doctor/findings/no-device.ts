/** A guest without a watchdog device: nothing notices when it hangs. */
import type { Rule } from "../finding.ts";
import { inCommand } from "../words.ts";

export const noDevice: Rule = {
  id: "no-device",
  find: ({ guest, hardware, nextStart }) => {
    if (hardware instanceof Error || hardware.watchdogs.length > 0) return undefined;
    if (nextStart !== undefined && nextStart.watchdogs.length > 0) return undefined; // next-start-differs tells it
    return {
      severity: "problem",
      what: "it has no watchdog device: when it hangs, it stays so",
      cure: `bernard protect ${inCommand(guest)}`,
    };
  },
};
