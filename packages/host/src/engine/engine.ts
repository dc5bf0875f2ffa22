/** The engine: what is known of every guest of a host, and what is to be done at each input. No I/O, no clock. */
import { type Decision, decide, dueAt } from "./decide.ts";
import { type GuestRecord, newRecord } from "./guest-record.ts";
import { hostCause, isCovered } from "./host-cause.ts";
import type { Effect, Incident } from "./incident.ts";
import type { Input } from "./input.ts";
import type { Settings } from "./settings.ts";

/** Time has come to this; whatever is due by then is judged. */
export interface Tick {
  readonly type: "tick";
  readonly at: number;
}

/** All that an engine knows at one moment, as plain JSON. */
export interface Snapshot {
  readonly settings: Settings;
  readonly nextId: number;
  readonly host: Incident | undefined;
  readonly guests: readonly GuestRecord[];
}

export class Engine {
  readonly #settings: Settings;
  readonly #guests = new Map<string, { readonly record: GuestRecord; readonly dueAt: number | undefined }>();
  #nextId: number;
  #host: Incident | undefined;

  /** @param nextId the first number of an incident that is not used yet */
  constructor(settings: Settings, nextId: number) {
    this.#settings = settings;
    this.#nextId = nextId;
  }

  /** An engine that goes on where another was. */
  static from({ settings, nextId, host, guests }: Snapshot): Engine {
    const engine = new Engine(settings, nextId);
    engine.#host = host;
    for (const record of guests) engine.restore(record);
    return engine;
  }

  get snapshot(): Snapshot {
    return { settings: this.#settings, nextId: this.#nextId, host: this.#host, guests: this.records };
  }

  get records(): GuestRecord[] {
    return [...this.#guests.values()].map(({ record }) => record);
  }

  /** What is known of a guest. */
  record(uuid: string): GuestRecord | undefined {
    return this.#guests.get(uuid)?.record;
  }

  /** Takes up what was known before a restart: its daemon, its ends, its mute, its open incident. */
  restore(record: GuestRecord): void {
    this.#keep(record);
  }

  /** The same for the host's own incident. */
  restoreHost(incident: Incident): void {
    this.#host = incident;
  }

  /** The effects of an input, in their order. Of a guest that was not seen yet, only what brings it counts. */
  take(input: Input | Tick): Effect[] {
    const isTick = !("uuid" in input);
    const effects = isTick ? this.#tick(input.at) : this.#one(input);
    // Every guest is looked at for it: each second, and before an alert that it may cover.
    const isDue = isTick || effects.some(({ type }) => type === "alert");
    return isDue ? this.#withHostCause(effects, input.at) : effects;
  }

  #one(input: Input): Effect[] {
    const before = this.#guests.get(input.uuid)?.record ?? firstSeen(input);
    if (before === undefined) return [];
    const { record, effects } = this.#decided(before, input);
    if (input.type === "gone") this.#guests.delete(input.uuid);
    else this.#keep(record);
    return [...effects];
  }

  #tick(at: number): Effect[] {
    const effects: Effect[] = [];
    for (const [uuid, guest] of this.#guests) {
      if (guest.dueAt !== undefined && guest.dueAt <= at) effects.push(...this.#one({ type: "tick", at, uuid }));
    }
    return effects;
  }

  #decided(before: GuestRecord, input: Input): Decision {
    const decision = decide(before, input, this.#settings, this.#nextId);
    if (decision.effects.some(({ type }) => type === "open")) this.#nextId++;
    return decision;
  }

  #keep(record: GuestRecord): void {
    this.#guests.set(record.guest.uuid, { record, dueAt: dueAt(record, this.#settings) });
  }

  #withHostCause(effects: readonly Effect[], at: number): Effect[] {
    const { incident, effects: more } = hostCause(this.#host, this.records, at, this.#settings, this.#nextId);
    if (incident !== undefined && incident.id === this.#nextId) this.#nextId++;
    this.#host = incident;
    return [...effects.filter((effect) => !isCovered(effect, incident)), ...more];
  }
}

/** A guest that is met for the first time, as it was just before: nothing has happened to it yet that we know. */
function firstSeen(input: Input): GuestRecord | undefined {
  if (input.type !== "seen" && input.type !== "lifecycle") return undefined;
  return newRecord({ ...input.guest, state: "unknown", reason: "unknown" }, input.at);
}
