/** The watchdog device has reached zero: told, or seen by what it left behind while nobody listened. */
import type { Rule } from "./rule.ts";
import { isPausedBy } from "./states.ts";

export const fire: Rule = {
  sign: "fire",
  found({ before, now, input }) {
    if (input.type === "fire") return `its watchdog fired; action ${now.action === "dump" ? "dump" : input.action}`;
    const isNew = isPausedBy(now, "watchdog") && !isPausedBy(before, "watchdog");
    return input.type === "seen" && isNew ? "found paused by its watchdog" : undefined;
  },
};
