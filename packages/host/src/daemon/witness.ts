/**
 * The witness: feeds the engine with what the hypervisor and the guests tell, keeps what it decides in the journal, and has
 * the rest done: evidence taken, alerts sent, counters read. It touches no guest.
 */
import { type Guest, type Hypervisor, type HypervisorEvent, isFailure } from "@bernard/hypervisor";
import { errorLine } from "@bernard/tools";
import { Engine, type Tick } from "../engine/engine.ts";
import type { Effect, Incident, SignName } from "../engine/incident.ts";
import type { GuestInput, Input } from "../engine/input.ts";
import type { Settings } from "../engine/settings.ts";
import { dateOf, timeOf } from "./clock.ts";
import { GuestHardware } from "./guest-hardware.ts";
import { InputLog } from "./input-log.ts";
import { inputsOf } from "./inputs.ts";
import { JournalWriter, type WriterParts } from "./journal-writer.ts";
import { hostPressure } from "./pressure.ts";
import { type RestoreParts, restore } from "./restore.ts";
import { type GuestView, guestView } from "./views.ts";

/** Milliseconds between two looks at what is due. */
const TICK_MS = 1_000;

export interface WitnessParts extends WriterParts, RestoreParts {
  readonly hypervisor: Hypervisor;
  readonly settings: Settings;
  /** No incident has had this number yet, nor a higher one. */
  readonly nextIncident: number;
  /** Where all that the engine is told is recorded; undefined: nowhere. */
  readonly recordFile: string | undefined;
  /** Takes what can be had of a guest; never rejects. */
  takeEvidence(incident: number, guest: Guest, sign: SignName): void;
  /** The guest is not there any more. `isDeleted`: somebody has undefined it here, and it did not go to another host. */
  guestGone(guest: Guest, isDeleted: boolean): void;
  /** The last line that the guest has written to its console, where we have it. */
  lastLine(uuid: string): string;
  /** A guest is, or has just come, into this state. */
  onGuest(guest: Guest): void;
  /** Called with each input and what came of it, after the journal has it. */
  onStep(input: Input | Tick, effects: readonly Effect[]): void;
}

export class Witness {
  readonly #parts: WitnessParts;
  readonly #engine: Engine;
  readonly #writer: JournalWriter;
  readonly #hardware: GuestHardware;
  #record: InputLog | undefined;
  /** Whose each open incident is, for the log. */
  readonly #names = new Map<number, string>();
  #isConnected = false;
  #ticking: NodeJS.Timeout | undefined;
  #watch: { close(): void } | undefined;
  #isStopped = false;

  constructor(parts: WitnessParts) {
    this.#parts = parts;
    this.#engine = new Engine(parts.settings, parts.nextIncident);
    this.#writer = new JournalWriter(parts, (uuid) => this.#engine.record(uuid));
    this.#writer.write(restore(this.#engine, parts, parts.hypervisor.abilities.has("channel")));
    this.#hardware = new GuestHardware(parts.hypervisor, this.#engine, (uuid, input) => this.tell(uuid, input));
    for (const { incident } of this.open()) this.#names.set(incident.id, incident.name);
    if (parts.recordFile !== undefined) this.#record = new InputLog(parts.recordFile, this.#engine);
  }

  /** Resolves once every guest is known and every event heard. */
  async start(): Promise<void> {
    this.#watch = await this.#parts.hypervisor.watch((event) => this.#hear(event));
    this.#ticking = setInterval(() => {
      const at = this.#parts.clock.now();
      this.take({ type: "tick", at });
      this.#hardware.readNext(at);
    }, TICK_MS);
  }

  /** Hears nothing any more; what is decided is on disk. */
  stop(): void {
    clearInterval(this.#ticking);
    this.#watch?.close();
    this.#record?.close();
    this.#writer.end();
    this.#isStopped = true;
  }

  /** Every guest now. */
  guests(): GuestView[] {
    const { clock } = this.#parts;
    const date = (at: number) => dateOf(clock, at);
    return this.#engine.records.map((record) =>
      guestView(record, this.#hardware.of(record.guest.uuid), clock.now(), date),
    );
  }

  /** Guests in trouble now. */
  open(): { readonly guest: Guest; readonly incident: Incident }[] {
    return this.#engine.records.flatMap(({ guest, incident }) => (incident === undefined ? [] : [{ guest, incident }]));
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Why the journal cannot be written; undefined: it can. */
  get journalTrouble(): string | undefined {
    return this.#writer.trouble;
  }

  /**
   * Alerts nobody of that guest until then, by the calendar; 0: from now on it does again. Its incidents are kept all the same.
   * @returns false where there is no such guest
   */
  mute(nameOrUuid: string, until: number): boolean {
    const { clock } = this.#parts;
    // Not every hypervisor forbids two guests of one name: both are meant then.
    const meant = this.#engine.records.filter(
      ({ guest: { uuid, name } }) => uuid === nameOrUuid || name === nameOrUuid,
    );
    for (const { guest } of meant)
      this.tell(guest.uuid, { type: "mute", until: until === 0 ? 0 : timeOf(clock, until) });
    return meant.length > 0;
  }

  /** For one guest, at this moment. */
  tell(uuid: string, input: GuestInput): void {
    this.take({ ...input, uuid, at: this.#parts.clock.now() });
  }

  take(input: Input | Tick): void {
    if (this.#isStopped) return; // an answer that came late
    const isTick = !("uuid" in input);
    const before = isTick ? undefined : this.#engine.record(input.uuid)?.guest;
    const effects = this.#recorded(input);
    if (!isTick) this.#writer.changed(input.uuid);
    const durable = effects.filter(({ type }) => type !== "read" && type !== "evidence");
    if (durable.length > 0 || isTick) this.#writer.write(durable, isTick);
    this.#parts.onStep(input, effects);
    for (const effect of effects) this.#carryOut(effect);
    if ("guest" in input && "state" in input.guest) this.#parts.onGuest(input.guest);
    if (input.type !== "gone" || before === undefined) return;
    this.#hardware.forget(input.uuid);
    this.#parts.guestGone(before, input.isDeleted && before.reason !== "migrated");
  }

  #recorded(input: Input | Tick): readonly Effect[] {
    this.#inRecord((record) => record.prepare());
    const effects = this.#engine.take(input);
    this.#inRecord((record) => record.step(input, effects));
    return effects;
  }

  /** What cannot be recorded is not needed. */
  #inRecord(work: (record: InputLog) => void): void {
    if (this.#record === undefined) return;
    try {
      work(this.#record);
    } catch (error) {
      this.#parts.log.error(`inputs are recorded no more: ${errorLine(error)}`);
      this.#record = undefined;
    }
  }

  #hear(event: HypervisorEvent): void {
    const { log } = this.#parts;
    if (event.type === "connected" || event.type === "disconnected") this.#isConnected = event.type === "connected";
    if (event.type === "disconnected")
      log.warn({ retryMs: event.retryMs }, `nothing is heard: ${errorLine(event.error)}`);
    if (event.type === "connected") log.info({ guests: event.guests.length }, "every guest is watched");
    const known = () => this.#engine.records.map(({ guest }) => guest.uuid);
    for (const { uuid, ...input } of inputsOf(event, known)) this.tell(uuid, input);
    if (event.type === "lifecycle" && event.guest.state === "shutoff") void this.#lookForGuest(event.guest);
    if (event.type === "connected") for (const guest of event.guests) void this.#hardware.read(guest);
    if (event.type === "lifecycle" && event.change === "started") void this.#hardware.read(event.guest);
  }

  #carryOut(effect: Effect): void {
    const { log, takeEvidence, wakeAlerts } = this.#parts;
    switch (effect.type) {
      case "open": {
        const { id, name, signs } = effect.incident;
        this.#names.set(id, name);
        log.warn({ incident: id, guest: name, sign: signs[0]?.sign }, signs[0]?.detail);
        break;
      }
      case "sign":
        log.warn(
          { incident: effect.id, guest: this.#names.get(effect.id), sign: effect.sign.sign },
          effect.sign.detail,
        );
        break;
      case "close":
        log.info(
          { incident: effect.id, guest: this.#names.get(effect.id), outcome: effect.outcome },
          "the incident is over",
        );
        this.#names.delete(effect.id);
        break;
      case "evidence": {
        const guest = this.#engine.record(effect.uuid)?.guest;
        if (guest !== undefined) takeEvidence(effect.id, guest, effect.sign);
        break;
      }
      case "alert":
        wakeAlerts();
        break;
      case "read":
        void this.#read(effect.uuid);
        break;
      default:
    }
  }

  /** One that nobody keeps a definition of is gone with its emulator, and no event says so. */
  async #lookForGuest({ uuid }: Guest): Promise<void> {
    const error = await this.#parts.hypervisor.guest(uuid).catch((reason: unknown) => reason);
    if (isFailure(error, "gone") && this.#engine.record(uuid)?.guest.state === "shutoff")
      this.tell(uuid, { type: "gone", isDeleted: false });
  }

  /** A libvirtd that has just started shows an emulator as running that has ended, and tells nobody when it finds out. */
  async #seeAgain({ uuid, run }: Guest): Promise<void> {
    const now = await this.#parts.hypervisor.guest(uuid).catch((reason: unknown) => reason);
    if (this.#engine.record(uuid)?.guest.run !== run) return; // its event has come
    if (isFailure(now, "gone")) this.tell(uuid, { type: "gone", isDeleted: false });
    else if (!(now instanceof Error)) this.tell(uuid, { type: "seen", guest: now as Guest });
  }

  async #read(uuid: string): Promise<void> {
    const guest = this.#engine.record(uuid)?.guest;
    if (guest === undefined) return;
    const { hypervisor } = this.#parts;
    const counters = await hypervisor.counters(guest).catch((error: unknown) => {
      if (isFailure(error, "wrong-state") || isFailure(error, "gone")) void this.#seeAgain(guest);
      // Only an emulator that does not answer is a finding; libvirt gone is told by the watch.
      if (!isFailure(error, "no-answer")) return null;
      // A libvirt that answers nothing at all says nothing of its emulators.
      return hypervisor.libvirtVersion({ deadlineMs: 5_000 }).then(
        () => undefined,
        () => null,
      );
    });
    const host = hostPressure();
    // Counts of another run say nothing of this one.
    if (this.#engine.record(uuid)?.guest.run !== guest.run) return;
    if (counters !== null) this.tell(uuid, { type: "reading", counters, host, lastLine: this.#parts.lastLine(uuid) });
  }
}
