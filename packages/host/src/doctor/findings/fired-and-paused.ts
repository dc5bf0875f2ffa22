/** A guest that its watchdog device has paused, and that nobody has come for. */
import type { Rule } from "../finding.ts";
import { inCommand } from "../words.ts";

export const firedAndPaused: Rule = {
  id: "fired-and-paused",
  find: ({ guest }) =>
    guest.state === "paused" && guest.reason === "watchdog"
      ? {
          severity: "problem",
          what: "its watchdog device has fired and paused it, and it stands since",
          cure: `virsh reset ${inCommand(guest)}, then virsh resume ${inCommand(guest)}: without the reset it goes on as hung as it was`,
        }
      : undefined,
};
