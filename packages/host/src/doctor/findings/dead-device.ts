/** An i6300esb that fired while its guest lived on: the device has switched itself off, and its driver does not know. */
import type { Rule } from "../finding.ts";
import { inCommand } from "../words.ts";

export const deadDevice: Rule = {
  id: "dead-device",
  find: ({ guest, heard, fireMark }) => {
    if (fireMark !== true) return undefined;
    // bernard-guest arms it again by itself.
    if (heard.state === "beat" && heard.feeds > 0) {
      return {
        severity: "note",
        what: "its i6300esb has fired since the guest booted, and bernard-guest feeds it again",
        cure: "in the guest, bernard-guest last tells of it",
      };
    }
    return {
      severity: "problem",
      what: "its i6300esb has fired since the guest booted and is dead since, unless somebody has armed it again: feeding alone does not",
      cure: `virsh reset ${inCommand(guest)}; bernard-guest arms it again by itself`,
    };
  },
};
