/** `bernard watch`: what happens to guests, as it happens, one line each. */
import { once } from "node:events";
import { type GuestId, type HypervisorEvent, openHypervisor } from "@bernard/hypervisor";
import { printable } from "@bernard/protocol";
import { errorLine } from "@bernard/tools";
import { Command } from "commander";
import { connectOption } from "../connect-option.ts";
import { json, stateOf } from "../print.ts";

interface Flags {
  readonly connect: string;
  readonly json?: true;
}

export function watchCommand(): Command {
  return new Command("watch")
    .description("Tell what happens to guests as it happens: fires, resets, storage errors, changes of state.")
    .addOption(connectOption())
    .option("--json", "print one JSON object a line")
    .action(async (flags: Flags) => {
      const hypervisor = await openHypervisor(flags.connect, { readOnly: true });
      const ended = Promise.race([once(process, "SIGINT"), once(process, "SIGTERM")]);
      try {
        await hypervisor.watch((event) => {
          const line = flags.json === true ? json(toJson(event)) : printable(inWords(event));
          process.stdout.write(`${line}\n`);
        });
        await ended;
      } finally {
        hypervisor.close();
      }
    });
}

function toJson(event: HypervisorEvent): unknown {
  const time = new Date().toISOString();
  return event.type === "disconnected" ? { time, ...event, error: errorLine(event.error) } : { time, ...event };
}

/** `2026-11-22T14:05:09.123Z  web  fire  its watchdog device reached zero, action pause` */
function inWords(event: HypervisorEvent): string {
  const guest = guestOf(event)?.name ?? "-";
  return [new Date().toISOString(), guest, event.type, wordsOf(event)].join("  ").trimEnd();
}

function guestOf(event: HypervisorEvent): GuestId | undefined {
  if (event.type === "missed") return event.after ?? event.before;
  return "guest" in event ? event.guest : undefined;
}

function wordsOf(event: HypervisorEvent): string {
  switch (event.type) {
    case "connected": {
      const deaf = event.deafTo.length === 0 ? "" : `; it never tells of: ${event.deafTo.join(", ")}`;
      return `${event.guests.length} guests${deaf}`;
    }
    case "disconnected":
      return `${errorLine(event.error)}; the next try is in ${event.retryMs / 1000} s`;
    case "missed":
      if (event.before === undefined) return `it is new since the connection was lost, ${stateOf(event.after!)}`;
      if (event.after === undefined) return "it is gone since the connection was lost";
      return `it was ${stateOf(event.before)} before the connection was lost, and is ${stateOf(event.after)}`;
    case "lifecycle":
      return `${event.change} (${event.detail})`;
    case "fire":
      return `its watchdog device reached zero, action ${event.action}`;
    case "reset":
      return "it was reset, or restarted itself";
    case "storage-error": {
      const where = [event.device, event.image].filter((each) => each !== undefined && each !== "").join(", ");
      return `${where || "a disk"}${event.reason === "" ? "" : ` (${event.reason})`}, action ${event.action}`;
    }
    case "monitor-lost":
      return "its emulator's monitor is lost, the emulator may run on";
    case "channel":
      return `${event.name} was ${event.open ? "opened" : "closed"} in the guest`;
    case "memory-failure":
      return `of the ${event.recipient}, action ${event.action}`;
    case "device-removed":
      return event.device;
    case "device-removal-failed":
      return `${event.device} is still there`;
    case "metadata":
      return event.uri ?? "its title or description";
  }
}
