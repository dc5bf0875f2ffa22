/** Who feeds a guest's watchdog device, as far as the facts tell. */
import { AGENT_CHANNEL, type Guest, type Hardware } from "@bernard/hypervisor";
import { CHANNEL_NAME } from "@bernard/protocol/messages";
import type { Facts } from "./facts.ts";

/** `another`: a program that is not Bernard's, or that did not say. */
export type Feeder = "bernard-guest" | "another" | "nobody" | "unknown";

/** Whether a program in the guest has the channel open; undefined where nobody says, and where there is no such channel. */
export function isOpen({ channels }: Hardware, name: string): boolean | undefined {
  return channels.find((channel) => channel.name === name)?.open;
}

/** Undefined where there is no device to feed, or where that is not known, and of a guest that is off. */
export function feeder({
  guest,
  hardware,
  heard,
  inside,
}: Omit<Facts, "nextStart" | "libvirt" | "fireMark">): Feeder | undefined {
  if (hardware instanceof Error || hardware.watchdogs.length === 0 || guest.run === undefined) return undefined;
  if (heard.state === "beat") return heard.feeds > 0 ? "bernard-guest" : "nobody";
  const listened = heard.state === "silent" || heard.state === "closed";
  if (!listened && isOpen(hardware, CHANNEL_NAME) === true) return "bernard-guest";
  if (inside?.devices === undefined) return "unknown";
  return inside.devices.some(({ active }) => active) ? "another" : "nobody";
}

/** As far as the state of its channels tells, with nobody asked; `agent`: qemu-guest-agent is there to ask. */
export function feederByChannels(
  guest: Guest,
  hardware: Hardware,
): { readonly feeder: Feeder | undefined; readonly agent: boolean } {
  const unasked = { heard: { state: "unasked" }, inside: undefined } as const;
  return { feeder: feeder({ guest, hardware, ...unasked }), agent: isOpen(hardware, AGENT_CHANNEL) === true };
}
