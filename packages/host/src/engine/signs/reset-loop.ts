/** It ends again and again: one more reset cures nothing. */
import type { Rule } from "./rule.ts";

export const resetLoop: Rule = {
  sign: "reset-loop",
  found({ before, now, settings }) {
    if (now.ends === before.ends || now.ends.length < settings.loopEnds) return undefined;
    return `${now.ends.length} ends within ${Math.round(settings.loopMs / 60_000)} min`;
  },
  remedy: () => ({ remedy: "quarantine", why: "a further reset would not cure it" }),
};
