/** A guest that was heard is heard no more, and nothing that its host can count moves either. */
import { crossCheck } from "../cross-check.ts";
import type { Rule } from "./rule.ts";
import { isRunning } from "./states.ts";

export const silence: Rule = {
  sign: "silence",
  found(step) {
    const { now, input } = step;
    if (now.quietSince === undefined || !isRunning(now)) return undefined;
    const idle = crossCheck(step);
    return idle && `nothing heard for ${Math.round((input.at - now.quietSince) / 1000)} s; ${idle}`;
  },
  lasts: (now) => isRunning(now) && now.baseline !== undefined,
};
