/** The emulator answers nothing: its storage is stuck most likely, and no command will reach the guest until it is back. */
import type { Rule } from "./rule.ts";

export const emulatorStuck: Rule = {
  sign: "emulator-stuck",
  found({ now, input, settings }) {
    const { unansweredSince } = now;
    // One question without an answer is no proof, however long ago it was.
    if (input.type !== "reading" || input.counters !== undefined) return undefined;
    if (unansweredSince === undefined || input.at - unansweredSince < settings.stuckMs) return undefined;
    return `its emulator has answered nothing for ${Math.round((input.at - unansweredSince) / 1000)} s`;
  },
  lasts: (now) => now.unansweredSince !== undefined,
};
