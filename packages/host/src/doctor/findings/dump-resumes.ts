/** The action `dump`: libvirt writes the memory of a hung guest and lets it run on, hung as it is. */
import type { Hardware } from "@bernard/hypervisor";
import type { Rule } from "../finding.ts";
import { inCommand } from "../words.ts";

/** An i6300esb switches itself off when it fires. */
const diesAtFire = ({ watchdogs }: Hardware): string =>
  watchdogs.some(({ model }) => model === "i6300esb") ? ", its i6300esb dead" : "";

export const dumpResumes: Rule = {
  id: "dump-resumes",
  find: ({ guest, hardware }) =>
    hardware instanceof Error || hardware.action !== "dump"
      ? undefined
      : {
          severity: "problem",
          what: `its action is dump: libvirt dumps its memory and resumes it, as hung as before${diesAtFire(hardware)}`,
          cure: `bernard protect ${inCommand(guest)} --action reset`,
        },
};
