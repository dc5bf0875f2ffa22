/** How much the engine and the journal take: inputs of 1,000 guests, nearly all of them beats, as fast as they go. */
import type { Guest, Hypervisor, HypervisorEvent } from "@bernard/hypervisor";
import type { Measurement } from "@bernard/tools";
import { pino } from "pino";
import { Witness } from "../src/daemon/witness.ts";
import { DEFAULTS } from "../src/engine/settings.ts";
import { openJournal } from "../src/journal/open-journal.ts";
import { beat } from "./beats.ts";

const GUESTS = 1_000;
const INPUTS = 300_000;

/** A promise's inputs in one second of the guests' time: its beats, and so many fires. */
const PER_SECOND = 10_000;
const FIRES = 10;

/** @param dir on a disk: each incident waits for it */
export async function measureRate(dir: string): Promise<Measurement[]> {
  let time = 1_000_000;
  let incidents = 0;
  const { journal } = openJournal(dir, new Date());
  const guests = Array.from({ length: GUESTS }, (_, index): Guest => {
    const uuid = `00000000-0000-4000-8000-${index.toString(16).padStart(12, "0")}`;
    return { uuid, name: `guest-${index}`, run: `${index}`, state: "running", reason: "booted" };
  });
  const witness = new Witness({
    hypervisor: quiet(guests),
    journal,
    settings: DEFAULTS,
    nextIncident: journal.nextIncident,
    clock: { now: () => time, date: () => time },
    log: pino({ level: "silent" }),
    hostBoot: "bench",
    receivers: ["ops"],
    recordFile: undefined,
    takeEvidence: () => {},
    guestGone: () => {},
    wakeAlerts: () => {},
    lastLine: () => "",
    onGuest: () => {},
    onStep: (_, effects) => {
      incidents += effects.filter(({ type }) => type === "open").length;
    },
  });
  await witness.start();
  const message = beat(1);
  const start = performance.now();
  for (let i = 0; i < INPUTS; i++) {
    const guest = guests[(i + Math.floor(i / GUESTS)) % GUESTS]!;
    if (i % PER_SECOND === 0) {
      time += 1_000;
      witness.take({ type: "tick", at: time });
    }
    if (i % (PER_SECOND / FIRES) === 1) witness.tell(guest.uuid, { type: "fire", guest, action: "reset" });
    else witness.tell(guest.uuid, { type: "message", message });
  }
  const seconds = (performance.now() - start) / 1000;
  if (witness.journalTrouble !== undefined) throw new Error(witness.journalTrouble);
  witness.stop();
  const kept = journal.incidents({ limit: INPUTS }).length;
  journal.close();
  if (incidents === 0 || kept !== incidents) throw new Error(`${kept} incidents of ${incidents} are in the journal`);
  return [
    { what: "inputs in a second, decided and in the journal", unit: "", ours: INPUTS / seconds, atLeast: 10_000 },
    { what: "incidents opened in a second meanwhile", unit: "", ours: incidents / seconds },
  ];
}

/** A hypervisor whose guests are all there and never asked. */
function quiet(guests: readonly Guest[]): Hypervisor {
  const never = () => new Promise<never>(() => {});
  const watch = async (listener: (event: HypervisorEvent) => void) => {
    listener({ type: "connected", guests, deafTo: [] });
    return { close: () => {} };
  };
  return { abilities: new Set(), watch, hardware: never, counters: never } as unknown as Hypervisor;
}
