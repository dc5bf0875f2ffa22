/**
 * The witness: feeds the engine with what the hypervisor and the guests tell, keeps what it decides in the journal, and has
 * the rest done: evidence taken, alerts sent, counters read. It touches no guest.
 */
import { type Guest, type Hardware, type Hypervisor, type HypervisorEvent, isFailure } from "@bernard/hypervisor";
import { errorLine } from "@bernard/tools";
import type { Logger } from "pino";
import { Engine, type Tick } from "../engine/engine.ts";
import { type GuestRecord, newRecord } from "../engine/guest-record.ts";
import type { Effect, Incident, SignName } from "../engine/incident.ts";
import type { GuestInput, Input } from "../engine/input.ts";
import type { Settings } from "../engine/settings.ts";
import { type GuestFacts, isConstraint, type Journal, type KeptIncident } from "../journal/journal.ts";
import { type Clock, dateOf, timeOf } from "./clock.ts";
import { InputLog } from "./input-log.ts";
import { inputsOf } from "./inputs.ts";
import { hostPressure } from "./pressure.ts";
import { type GuestView, guestView } from "./views.ts";

/** Milliseconds between two looks at what is due. */
const TICK_MS = 1_000;

/** Milliseconds until the next guest's devices are read again: no event tells that one was put in, or a definition changed. */
const LOOK_AGAIN_MS = 2_000;

/** Effects that wait for a journal that cannot be written; the oldest go first. */
const UNWRITTEN_MAX = 10_000;

export interface WitnessParts {
  readonly hypervisor: Hypervisor;
  readonly journal: Journal;
  readonly settings: Settings;
  /** No incident has had this number yet, nor a higher one. */
  readonly nextIncident: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** The host's boot id. */
  readonly hostBoot: string;
  /** Names of those who get alerts. */
  readonly receivers: readonly string[];
  /** Where all that the engine is told is recorded; undefined: nowhere. */
  readonly recordFile: string | undefined;
  /** Takes what can be had of a guest; never rejects. */
  takeEvidence(incident: number, guest: Guest, sign: SignName): void;
  /** The guest is not there any more. `isDeleted`: somebody has undefined it here, and it did not go to another host. */
  guestGone(guest: Guest, isDeleted: boolean): void;
  /** There may be an alert to send. */
  wakeAlerts(): void;
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
  /** What the journal knows of each guest. */
  readonly #kept = new Map<string, string>();
  readonly #changed = new Set<string>();
  /** What the journal does not have yet; of a guest that is gone, nothing. */
  #unwritten: Effect[] = [];
  readonly #unwrittenFacts = new Map<string, GuestFacts | undefined>();
  /** Why the journal cannot be written. */
  #trouble: string | undefined;
  #record: InputLog | undefined;
  readonly #hardware = new Map<string, Hardware>();
  #isConnected = false;
  #ticking: NodeJS.Timeout | undefined;
  /** Guests whose devices are still to be read again in this turn. */
  #toLookAt: string[] = [];
  #lookedAt = 0;
  #watch: { close(): void } | undefined;
  #isStopped = false;

  constructor(parts: WitnessParts) {
    this.#parts = parts;
    this.#engine = new Engine(parts.settings, parts.nextIncident);
    this.#restore();
    if (parts.recordFile !== undefined) this.#record = new InputLog(parts.recordFile, this.#engine);
  }

  /** Resolves once every guest is known and every event heard. */
  async start(): Promise<void> {
    this.#watch = await this.#parts.hypervisor.watch((event) => this.#hear(event));
    this.#ticking = setInterval(() => {
      const at = this.#parts.clock.now();
      this.take({ type: "tick", at });
      if (at - this.#lookedAt >= LOOK_AGAIN_MS) this.#lookAgain(at);
    }, TICK_MS);
  }

  /** Hears nothing any more; what is decided is on disk. */
  stop(): void {
    clearInterval(this.#ticking);
    this.#watch?.close();
    this.#record?.close();
    this.#write([]);
    this.#isStopped = true;
  }

  /** Every guest now. */
  guests(): GuestView[] {
    const { clock } = this.#parts;
    const date = (at: number) => dateOf(clock, at);
    return this.#engine.records.map((record) =>
      guestView(record, this.#hardware.get(record.guest.uuid), clock.now(), date),
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
    return this.#trouble;
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
    const before = "uuid" in input ? this.#engine.record(input.uuid)?.guest : undefined;
    const effects = this.#recorded(input);
    if ("uuid" in input) this.#changed.add(input.uuid);
    const durable = effects.filter(({ type }) => type !== "read" && type !== "evidence");
    const isTick = !("uuid" in input);
    if (durable.length > 0 || isTick) this.#write(durable, isTick);
    this.#parts.onStep(input, effects);
    for (const effect of effects) this.#carryOut(effect);
    if ("guest" in input && "state" in input.guest) this.#parts.onGuest(input.guest);
    if (input.type === "gone" && before !== undefined)
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
    if (event.type === "connected") for (const guest of event.guests) void this.#readHardware(guest);
    if (event.type === "lifecycle" && event.change === "started") void this.#readHardware(event.guest);
  }

  #carryOut(effect: Effect): void {
    const { log, takeEvidence, wakeAlerts } = this.#parts;
    switch (effect.type) {
      case "open": {
        const { id, name, signs } = effect.incident;
        log.warn({ incident: id, guest: name, sign: signs[0]?.sign }, signs[0]?.detail);
        break;
      }
      case "sign":
        log.warn({ incident: effect.id, sign: effect.sign.sign }, effect.sign.detail);
        break;
      case "close":
        log.info({ incident: effect.id, outcome: effect.outcome }, "the incident is over");
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

  #lookAgain(at: number): void {
    this.#lookedAt = at;
    if (this.#toLookAt.length === 0) this.#toLookAt = this.#engine.records.map(({ guest }) => guest.uuid);
    for (let uuid = this.#toLookAt.pop(); uuid !== undefined; uuid = this.#toLookAt.pop()) {
      const guest = this.#engine.record(uuid)?.guest;
      if (guest?.state !== "running") continue;
      void this.#readHardware(guest);
      return;
    }
  }

  async #readHardware(guest: Guest): Promise<void> {
    const hardware = await this.#parts.hypervisor.hardware(guest, "now").catch(() => undefined);
    const record = this.#engine.record(guest.uuid);
    if (hardware === undefined || record === undefined) return;
    this.#hardware.set(guest.uuid, hardware);
    if (hardware.action !== record.action) this.tell(guest.uuid, { type: "hardware", action: hardware.action });
  }

  /**
   * One transaction for the effects and for all that has changed since the last one.
   * @param isDue whether a journal in trouble is tried again
   */
  #write(effects: readonly Effect[], isDue = true): void {
    this.#unwritten.push(...effects);
    if (this.#unwritten.length > UNWRITTEN_MAX) this.#unwritten.splice(0, this.#unwritten.length - UNWRITTEN_MAX);
    for (const uuid of this.#changed) this.#noteFacts(uuid);
    this.#changed.clear();
    if (this.#unwritten.length === 0 && this.#unwrittenFacts.size === 0) return;
    if (this.#trouble !== undefined && !isDue) return;
    const { log } = this.#parts;
    try {
      this.#commit();
      if (this.#trouble === undefined) return;
      this.#trouble = undefined;
      log.info("the journal is written again");
      this.#parts.wakeAlerts(); // they wait in it
    } catch (error) {
      const trouble = errorLine(error);
      if (this.#trouble === undefined) log.error(`the journal is not written, memory keeps what comes: ${trouble}`);
      this.#trouble = trouble;
    }
  }

  #commit(): void {
    const { journal, receivers, clock, log } = this.#parts;
    const guests = [...this.#unwrittenFacts].flatMap(([, facts]) => facts ?? []);
    const gone = [...this.#unwrittenFacts].flatMap(([uuid, facts]) => (facts === undefined ? [uuid] : []));
    const commit = (some: readonly Effect[]) =>
      journal.commit(some, guests, receivers, (at) => dateOf(clock, at), gone);
    try {
      commit(this.#unwritten);
    } catch (error) {
      if (!isConstraint(error)) throw error;
      // Of an incident whose beginning was given up the rest has no place: it must not keep out all that follows.
      for (let effect = this.#unwritten[0]; effect !== undefined; effect = this.#unwritten[0]) {
        try {
          commit([effect]);
        } catch (refused) {
          if (!isConstraint(refused)) throw refused;
          log.error(`the journal has no place for ${JSON.stringify(effect)}: ${errorLine(refused)}`);
        }
        this.#unwritten.shift();
      }
    }
    this.#unwritten = [];
    this.#unwrittenFacts.clear();
  }

  #noteFacts(uuid: string): void {
    const record = this.#engine.record(uuid);
    if (record === undefined) {
      this.#hardware.delete(uuid);
      if (this.#kept.delete(uuid)) this.#unwrittenFacts.set(uuid, undefined);
      return;
    }
    const { guest, hasDaemon, boot, mutedUntil, ends } = record;
    const text = JSON.stringify([guest, hasDaemon, boot, mutedUntil, ends]);
    if (this.#kept.get(uuid) === text) return;
    this.#kept.set(uuid, text);
    this.#unwrittenFacts.set(uuid, factsOf(record, this.#parts.clock));
  }

  #isNewBoot(): boolean {
    const { journal, hostBoot, log } = this.#parts;
    try {
      return journal.hostBooted(hostBoot);
    } catch (error) {
      log.error(`the journal is not written: ${errorLine(error)}`);
      return true; // only another boot's has to be written
    }
  }

  #restore(): void {
    const { journal, clock } = this.#parts;
    const isNewBoot = this.#isNewBoot();
    const open = new Map(journal.openIncidents().map((incident) => [incident.uuid, incidentOf(incident, clock)]));
    for (const facts of journal.guests()) {
      const record = recordOf(facts, clock, isNewBoot);
      // Who cannot listen does not wait for a hello.
      const hasDaemon = record.hasDaemon && this.#parts.hypervisor.abilities.has("channel");
      const incident = open.get(facts.uuid);
      // Until its emulator answers, it does not.
      const unansweredSince = incident?.signs.find(({ sign }) => sign === "emulator-stuck")?.at;
      this.#engine.restore({ ...record, hasDaemon, incident, unansweredSince });
      this.#kept.set(facts.uuid, "");
      open.delete(facts.uuid);
    }
    const ofHost = open.get(undefined);
    if (ofHost !== undefined) this.#engine.restoreHost(ofHost);
    open.delete(undefined);
    // Those of guests that nobody knows any more.
    const lost = [...open.values()].map(({ id }): Effect => ({ type: "close", id, outcome: "gone", at: clock.now() }));
    this.#write(lost);
  }
}

function factsOf({ guest, hasDaemon, boot, mutedUntil, ends }: GuestRecord, clock: Clock): GuestFacts {
  const { uuid, name, state, reason, run } = guest;
  return {
    ...{ uuid, name, state, reason, run, hasDaemon, boot },
    mutedUntil: mutedUntil === 0 ? 0 : dateOf(clock, mutedUntil),
    ends: ends.map((at) => dateOf(clock, at)),
  };
}

function recordOf(facts: GuestFacts, clock: Clock, isNewBoot: boolean): GuestRecord {
  const { uuid, name, hasDaemon, boot, mutedUntil, ends } = facts;
  const { state, reason, run } = isNewBoot ? { state: "unknown", reason: "unknown", run: undefined } : facts;
  return {
    ...newRecord({ uuid, name, state: state as Guest["state"], reason, run }, clock.now()),
    ...{ hasDaemon, boot },
    mutedUntil: mutedUntil === 0 ? 0 : timeOf(clock, mutedUntil),
    ends: ends.map((at) => timeOf(clock, at)),
  };
}

function incidentOf({ id, uuid, name, signs }: KeptIncident, clock: Clock): Incident {
  const told = signs.map((sign) => ({ ...sign, at: timeOf(clock, sign.at) }));
  // What happened meanwhile nobody heard: calm begins now.
  return { id, uuid, name, signs: told, lastSignAt: clock.now() };
}
