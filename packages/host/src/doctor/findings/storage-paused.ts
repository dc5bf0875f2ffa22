/** A guest that stands because its storage failed: its virtual clock stands too, so that no watchdog device fires. */
import type { Rule } from "../finding.ts";
import { inCommand } from "../words.ts";

export const storagePaused: Rule = {
  id: "storage-paused",
  find: ({ guest }) =>
    guest.state === "paused" && guest.reason === "ioerror"
      ? {
          severity: "problem",
          what: "a storage error has paused it: no watchdog device fires while it stands",
          cure: `repair its storage (virsh domblkerror ${inCommand(guest)} names the disk), then virsh resume ${inCommand(guest)}`,
        }
      : undefined,
};
