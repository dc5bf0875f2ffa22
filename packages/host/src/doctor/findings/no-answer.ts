/** A guest whose hypervisor or emulator does not answer. */
import { errorLine, UserError } from "@bernard/tools";
import type { Rule } from "../finding.ts";

export const noAnswer: Rule = {
  id: "no-answer",
  find: ({ hardware }) => {
    if (!(hardware instanceof Error)) return undefined;
    const hint = hardware instanceof UserError ? hardware.hint : undefined;
    const error = errorLine(hardware);
    return {
      severity: "problem",
      what: `nobody can tell whether it is protected: ${hint === undefined ? error : error.replace(`; ${hint}`, "")}`,
      cure: hint ?? "look at its emulator and its storage; see virsh domcontrol",
    };
  },
};
