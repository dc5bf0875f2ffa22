/** The guest's kernel has panicked, and its pvpanic device has told so. */
import type { Rule } from "./rule.ts";

export const panic: Rule = {
  sign: "panic",
  found({ before, now, input }) {
    if (input.type === "lifecycle" && input.change === "crashed") {
      return input.detail === "crashloaded" ? "its kernel panicked, and dumps itself" : "its kernel panicked";
    }
    return now.guest.state === "crashed" && before.guest.state !== "crashed" ? "found panicked" : undefined;
  },
  lasts: (now) => now.guest.state === "crashed",
  remedy: (now) =>
    now.guest.state === "crashed"
      ? { remedy: "reset and resume", why: "a panicked kernel does nothing more" }
      : undefined,
};
