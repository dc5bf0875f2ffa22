/** A guest that once said hello does not after a boot: what a watchdog armed from power-on would catch. */
import { crossCheck, isBootOverdue, isUnheard } from "../cross-check.ts";
import type { Rule } from "./rule.ts";

/** A boot that asks a person for something hangs only in their eyes. */
const PROMPT = /pass(?:phrase|word)\b[^:]*:\s*$/i;

export const hungBoot: Rule = {
  sign: "hung-boot",
  found(step) {
    const { now, input, settings } = step;
    if (!isBootOverdue(now, input.at, settings) || PROMPT.test(now.reading?.lastLine ?? "")) return undefined;
    const idle = crossCheck(step);
    return idle && `booting for ${Math.round((input.at - now.upSince) / 1000)} s without a hello; ${idle}`;
  },
  lasts: isUnheard,
};
