/** A running guest with a device of which nobody tells whether it is fed. */
import { AGENT_CHANNEL } from "@bernard/hypervisor";
import { CHANNEL_NAME } from "@bernard/protocol/messages";
import type { Facts } from "../facts.ts";
import { feeder, isOpen } from "../feeder.ts";
import type { Rule } from "../finding.ts";
import { devices, inCommand } from "../words.ts";

export const feederUnknown: Rule = {
  id: "feeder-unknown",
  find: (facts) => {
    const { guest, hardware, heard } = facts;
    if (hardware instanceof Error || guest.state !== "running") return undefined;
    if (heard.state === "forbidden" && isOpen(hardware, CHANNEL_NAME) === true) {
      return {
        severity: "warning",
        what: `a program in it has ${CHANNEL_NAME} open, and this connection may not listen whether it feeds`,
        cure: `run bernard doctor ${inCommand(guest)} as a user who may write to the hypervisor`,
      };
    }
    if (feeder(facts) !== "unknown" || heard.state === "silent") return undefined;
    return {
      severity: "warning",
      what: `it has ${devices(hardware)}, and nobody tells whether it is fed`,
      cure: cure(facts),
    };
  },
};

function cure({ guest, hardware, heard, inside }: Facts): string {
  if (hardware instanceof Error) return "";
  const agentIsThere = isOpen(hardware, AGENT_CHANNEL) !== undefined;
  if (heard.state === "forbidden")
    return `run bernard doctor ${inCommand(guest)} as a user who may write to the hypervisor`;
  if (inside !== undefined) return "install bernard-guest in the guest, or let its agent read files (guest-file-open)";
  if (hardware.channels.some(({ name }) => name === CHANNEL_NAME)) return "install bernard-guest in the guest";
  return `install bernard-guest in the guest, with its channel from bernard protect ${inCommand(guest)}${agentIsThere ? "; its qemu-guest-agent does not answer" : ""}`;
}
