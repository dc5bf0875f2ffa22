/** The emulator answers nothing: its storage is stuck most likely, and no command will reach the guest until it is back. */
import type { Rule } from "./rule.ts";

export const emulatorStuck: Rule = {
  sign: "emulator-stuck",
  found({ now, input, settings }) {
    const { unansweredSince } = now;
    if (unansweredSince === undefined || input.at - unansweredSince < settings.stuckMs) return undefined;
    return `its emulator has answered nothing for ${Math.round((input.at - unansweredSince) / 1000)} s`;
  },
  dueAt: (now, { stuckMs }) => (now.unansweredSince === undefined ? undefined : now.unansweredSince + stuckMs),
  lasts: (now) => now.unansweredSince !== undefined,
};
