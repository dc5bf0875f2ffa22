/** A guest whose hypervisor does not say what it is made of. */
import { errorLine } from "@bernard/tools";
import type { Rule } from "../finding.ts";

export const noAnswer: Rule = {
  id: "no-answer",
  find: ({ hardware }) =>
    hardware instanceof Error
      ? {
          severity: "problem",
          what: `nobody can tell whether it is protected: ${errorLine(hardware)}`,
          cure: "look at its emulator and its storage: virsh domcontrol tells whether QEMU still answers",
        }
      : undefined,
};
