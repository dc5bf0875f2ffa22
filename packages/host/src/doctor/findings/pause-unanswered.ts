/** The action `pause` where no host daemon answers a fire: the guest would stand until a person comes. */
import type { Rule } from "../finding.ts";
import { inCommand } from "../words.ts";

export const pauseUnanswered: Rule = {
  id: "pause-unanswered",
  find: ({ guest, hardware, heard }) => {
    if (hardware instanceof Error || hardware.action !== "pause" || heard.state === "taken") return undefined;
    const known = heard.state === "forbidden" ? "as far as this connection may know, " : "";
    return {
      severity: "problem",
      what: `its action is pause, and ${known}no host daemon is there to answer: after a fire it stands until a person comes`,
      cure: `bernard protect ${inCommand(guest)} --action reset`,
    };
  },
};
