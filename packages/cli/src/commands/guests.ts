/** `bernard guests`: every guest, its watchdog device, and who feeds that as far as it is known. */
import { feederByChannels } from "@bernard/host";
import { type Guest, type Hardware, type Hypervisor, HypervisorError, openHypervisor } from "@bernard/hypervisor";
import { printable } from "@bernard/protocol";
import { errorLine } from "@bernard/tools";
import { Command } from "commander";
import { connectOption } from "../connect-option.ts";
import { byName, devicesOf, json, stateOf, table } from "../print.ts";

/** Milliseconds that a guest's hardware may take to be told: one that is stuck must not keep the others from the screen. */
const ANSWER_MS = 3000;

/** Guests that are asked for at a time: a few more than libvirt works on. */
const AT_A_TIME = 32;

interface Flags {
  readonly connect: string;
  readonly json?: true;
}

interface Row {
  readonly guest: Guest;
  readonly hardware: Hardware | Error;
}

export function guestsCommand(): Command {
  return new Command("guests")
    .description("List every guest with its watchdog device, and who feeds that as far as it is known.")
    .addOption(connectOption())
    .option("--json", "print a JSON array")
    .action(async (flags: Flags) => {
      const hypervisor = await openHypervisor(flags.connect, { readOnly: true });
      try {
        const rows = await rowsOf(hypervisor);
        const lines = flags.json === true ? asJson(rows) : asTable(rows);
        process.stdout.write(lines.map((line) => `${line}\n`).join(""));
      } finally {
        hypervisor.close();
      }
    });
}

/** One that is gone meanwhile is left out. */
async function rowsOf(hypervisor: Hypervisor): Promise<Row[]> {
  const guests = (await hypervisor.guests()).toSorted(byName);
  const rows: (Row | undefined)[] = guests.map(() => undefined);
  const places = guests.entries();
  const worker = async () => {
    for (const [place, guest] of places) {
      try {
        rows[place] = { guest, hardware: await hypervisor.hardware(guest, "now", { deadlineMs: ANSWER_MS }) };
      } catch (error) {
        if (!(error instanceof HypervisorError) || error.kind === "unreachable") throw error;
        if (error.kind !== "gone") rows[place] = { guest, hardware: error };
      }
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return rows.filter((row) => row !== undefined);
}

function asTable(rows: readonly Row[]): string[] {
  const cells = rows.map(({ guest, hardware }) => {
    if (hardware instanceof Error) return [guest.name, stateOf(guest), "?", "?", "?", errorLine(hardware)];
    const { feeder, agent } = feederByChannels(guest, hardware);
    const who = feeder === "unknown" && agent ? "unknown (agent there)" : (feeder ?? "-");
    return [guest.name, stateOf(guest), hardware.machine, devicesOf(hardware), hardware.action ?? "-", who];
  });
  return table([["NAME", "STATE", "MACHINE", "DEVICE", "ACTION", "FEEDER"], ...cells.map((row) => row.map(printable))]);
}

/** One guest a line, so that a person may read it too. */
function asJson(rows: readonly Row[]): string[] {
  const objects = rows.map(({ guest: { name, uuid, state, reason, run }, hardware }) => {
    const guest = { guest: name, uuid, state, reason };
    if (hardware instanceof Error) return { ...guest, error: errorLine(hardware) };
    const { machine, watchdogs, action } = hardware;
    const { feeder, agent } = feederByChannels({ name, uuid, state, reason, run }, hardware);
    return { ...guest, machine, devices: watchdogs, action: action ?? null, feeder: feeder ?? null, agent };
  });
  return ["[", ...objects.map((each, place) => `${json(each)}${place < objects.length - 1 ? "," : ""}`), "]"];
}
