/** `bernard mute GUEST TIME` and `bernard unmute GUEST`: incidents are kept, and nobody is told. */
import { MUTE_MAX_S } from "@bernard/host/client";
import { Command, InvalidArgumentError } from "commander";
import { clientOf, type HostFlags, socketOption } from "../host-option.ts";
import { seconds } from "../times.ts";

const muteOf = (guest: string): string => `/v1/guests/${encodeURIComponent(guest)}/mute`;

export function muteCommand(): Command {
  return new Command("mute")
    .description(
      "Keep a guest's incidents, and alert nobody of them, for a time; before something rough is done to it.",
    )
    .argument("<guest>", "its name or UUID")
    .argument("<time>", "90s, 10m, 2h; at most 30d", muteSeconds)
    .addOption(socketOption())
    .action(async (guest: string, time: number, flags: HostFlags) => {
      await clientOf(flags).send("PUT", muteOf(guest), { seconds: time });
    });
}

export function unmuteCommand(): Command {
  return new Command("unmute")
    .description("End a mute.")
    .argument("<guest>", "its name or UUID")
    .addOption(socketOption())
    .action(async (guest: string, flags: HostFlags) => {
      await clientOf(flags).send("DELETE", muteOf(guest));
    });
}

function muteSeconds(text: string): number {
  const time = seconds(text);
  if (time > MUTE_MAX_S) throw new InvalidArgumentError("A mute is 30d long at most.");
  return time;
}
