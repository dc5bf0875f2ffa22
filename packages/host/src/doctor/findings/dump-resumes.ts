/** The action `dump`: libvirt writes the memory of a hung guest and lets it run on, hung as it is. */
import type { Rule } from "../finding.ts";
import { inCommand } from "../words.ts";

export const dumpResumes: Rule = {
  id: "dump-resumes",
  find: ({ guest, hardware }) =>
    hardware instanceof Error || hardware.action !== "dump"
      ? undefined
      : {
          severity: "problem",
          what: "its action is dump: libvirt dumps its memory and resumes it, and it is as hung as before, its i6300esb dead",
          cure: `bernard protect ${inCommand(guest)} --action reset`,
        },
};
