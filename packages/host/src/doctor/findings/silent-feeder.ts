/** A guest in which a program holds Bernard's channel open and says nothing: it hangs, or is none of ours. */
import { BEAT_INTERVAL_S, CHANNEL_NAME } from "@bernard/protocol/messages";
import type { Rule } from "../finding.ts";
import { inCommand } from "../words.ts";

export const silentFeeder: Rule = {
  id: "silent-feeder",
  find: ({ guest, hardware, heard }) =>
    hardware instanceof Error || heard.state !== "silent"
      ? undefined
      : {
          severity: "problem",
          what: `a program in it has ${CHANNEL_NAME} open and is silent; bernard-guest speaks every ${BEAT_INTERVAL_S} s`,
          cure: `look into the guest: systemctl status bernard-guest; where it hangs, virsh reset ${inCommand(guest)}`,
        },
};
