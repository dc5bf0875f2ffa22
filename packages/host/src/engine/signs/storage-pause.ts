/** A storage error has paused the guest: its virtual clock stands, so that no watchdog will ever fire. */
import type { Rule } from "./rule.ts";
import { isPausedBy } from "./states.ts";

export const storagePause: Rule = {
  sign: "storage-pause",
  found({ before, now, input }) {
    if (input.type === "storage-error" && input.action === "pause") {
      const where = input.image ?? input.device ?? "its storage";
      return `paused by an error of ${where}${input.reason === "" ? "" : ` (${input.reason})`}`;
    }
    return isPausedBy(now, "ioerror") && !isPausedBy(before, "ioerror")
      ? "paused by an error of its storage"
      : undefined;
  },
  lasts: (now) => isPausedBy(now, "ioerror"),
};
