/** Writes to the journal what the engine decides and what is known of guests. While it cannot be written, memory keeps what comes. */
import { errorLine } from "@bernard/tools";
import type { Logger } from "pino";
import type { GuestRecord } from "../engine/guest-record.ts";
import type { Effect } from "../engine/incident.ts";
import { isConstraint } from "../journal/database.ts";
import type { GuestFacts, Journal } from "../journal/journal.ts";
import { type Clock, dateOf } from "./clock.ts";
import { factsOf } from "./guest-facts.ts";

/** Effects that wait for a journal that cannot be written; the oldest go first. */
const UNWRITTEN_MAX = 10_000;

export interface WriterParts {
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  /** Names of those who get alerts. */
  readonly receivers: readonly string[];
  /** There may be an alert to send. */
  wakeAlerts(): void;
}

export class JournalWriter {
  readonly #parts: WriterParts;
  readonly #recordOf: (uuid: string) => GuestRecord | undefined;
  /** What the journal knows of each guest, or will. */
  readonly #kept: Map<string, string>;
  readonly #changed = new Set<string>();
  /** What the journal does not have yet; of a guest that is gone, nothing. */
  #effects: Effect[] = [];
  readonly #facts = new Map<string, GuestFacts | undefined>();
  #trouble: string | undefined;

  /** @param recordOf what is known of a guest now; undefined: it is gone */
  constructor(parts: WriterParts, recordOf: (uuid: string) => GuestRecord | undefined) {
    this.#parts = parts;
    this.#recordOf = recordOf;
    this.#kept = new Map(parts.journal.guests().map(({ uuid }) => [uuid, ""]));
  }

  /** Why the journal cannot be written; undefined: it can. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Something has happened to the guest: what is known of it is written with the next effects. */
  changed(uuid: string): void {
    this.#changed.add(uuid);
  }

  /**
   * One transaction for the effects and for all that has changed since the last one.
   * @param isDue whether a journal in trouble is tried again
   */
  write(effects: readonly Effect[], isDue = true): void {
    this.#effects.push(...effects);
    if (this.#effects.length > UNWRITTEN_MAX) this.#effects.splice(0, this.#effects.length - UNWRITTEN_MAX);
    for (const uuid of this.#changed) this.#noteFacts(uuid);
    this.#changed.clear();
    if (this.#effects.length === 0 && this.#facts.size === 0) return;
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

  /** The last time: what cannot be written now is lost. */
  end(): void {
    this.write([]);
    const incidents = this.#effects.filter(({ type }) => type === "open").length;
    if (this.#effects.length > 0) this.#parts.log.error({ incidents }, "what memory kept of incidents is lost");
  }

  #noteFacts(uuid: string): void {
    const record = this.#recordOf(uuid);
    if (record === undefined) {
      if (this.#kept.delete(uuid)) this.#facts.set(uuid, undefined);
      return;
    }
    const { guest, hasDaemon, boot, mutedUntil, ends } = record;
    const text = JSON.stringify([guest, hasDaemon, boot, mutedUntil, ends]);
    if (this.#kept.get(uuid) === text) return;
    this.#kept.set(uuid, text);
    this.#facts.set(uuid, factsOf(record, this.#parts.clock));
  }

  #commit(): void {
    const { journal, receivers, clock, log } = this.#parts;
    const guests = [...this.#facts].flatMap(([, facts]) => facts ?? []);
    const gone = [...this.#facts].flatMap(([uuid, facts]) => (facts === undefined ? [uuid] : []));
    const commit = (some: readonly Effect[]) =>
      journal.commit(some, guests, receivers, (at) => dateOf(clock, at), gone);
    try {
      commit(this.#effects);
    } catch (error) {
      if (!isConstraint(error)) throw error;
      // Of an incident whose beginning was given up the rest has no place: it must not keep out all that follows.
      for (let effect = this.#effects[0]; effect !== undefined; effect = this.#effects[0]) {
        try {
          commit([effect]);
        } catch (refused) {
          if (!isConstraint(refused)) throw refused;
          log.error(`the journal has no place for ${JSON.stringify(effect)}: ${errorLine(refused)}`);
        }
        this.#effects.shift();
      }
    }
    this.#effects = [];
    this.#facts.clear();
  }
}
