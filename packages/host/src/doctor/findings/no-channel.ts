/** A protected guest without Bernard's channel: nobody hears its last words. */
import { CHANNEL_NAME } from "@bernard/protocol/messages";
import type { Rule } from "../finding.ts";
import { inCommand } from "../words.ts";

export const noChannel: Rule = {
  id: "no-channel",
  find: ({ guest, hardware }) => {
    if (hardware instanceof Error || hardware.watchdogs.length === 0) return undefined;
    if (hardware.channels.some(({ name }) => name === CHANNEL_NAME)) return undefined;
    return {
      severity: "note",
      what: `it has no channel ${CHANNEL_NAME}: it is rescued without a word why`,
      cure: `bernard protect ${inCommand(guest)} adds it`,
    };
  },
};
