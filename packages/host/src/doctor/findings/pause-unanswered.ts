/** The action `pause` where no host daemon answers a fire: the guest would stand until a person comes. */
import type { Rule } from "../finding.ts";
import { inCommand } from "../words.ts";

export const pauseUnanswered: Rule = {
  id: "pause-unanswered",
  find: ({ guest, hardware, heard }) => {
    if (hardware instanceof Error || hardware.action !== "pause" || heard.state === "taken") return undefined;
    const nobody = heard.state === "unasked" || heard.state === "forbidden" ? "nothing tells of a" : "there is no";
    return {
      severity: "problem",
      what: `its action is pause, and ${nobody} host daemon that would answer: after a fire it stands until a person comes`,
      cure: `bernard protect ${inCommand(guest)} --action reset`,
    };
  },
};
