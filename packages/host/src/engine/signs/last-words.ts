/** The guest's own daemon has told what failed, and what it does about it. */
import type { Rule } from "./rule.ts";

export const lastWords: Rule = {
  sign: "last-words",
  found({ input }) {
    if (input.type !== "message" || input.message.type !== "last-words") return undefined;
    const { check, reason, end, acts } = input.message;
    return `${check}: ${reason}; ${acts ? `it ends itself (${end})` : "it is fed on"}`;
  },
};
