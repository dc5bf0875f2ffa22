/** Has evidence taken at each sign, and in time deletes what is too old or too much: evidence, and the incidents in the journal. */
import type { Guest } from "@bernard/hypervisor";
import { errorLine } from "@bernard/tools";
import type { Logger } from "pino";
import type { Clock } from "../daemon/clock.ts";
import type { SignName } from "../engine/incident.ts";
import type { Journal } from "../journal/journal.ts";
import type { Scene } from "./collector.ts";
import type { EvidenceStore } from "./evidence-store.ts";

/** Milliseconds between two looks for what is too old or too much. */
const TIDY_MS = 60_000;

/**
 * Milliseconds until the evidence of a guest that somebody has undefined goes too: a hard reboot by Nova undefines the guest and
 * defines it again, and that comes just after the trouble.
 */
const DELETED_MS = 600_000;

interface KeeperParts {
  readonly store: EvidenceStore;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly log: Logger;
  readonly keepForMs: number;
  /** What can be had of a guest at this moment. */
  sceneOf(guest: Guest): Scene;
}

export class EvidenceKeeper {
  readonly #parts: KeeperParts;
  /** Guests that somebody has undefined, and when. */
  readonly #deleted = new Map<string, number>();
  #tidying: NodeJS.Timeout | undefined;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** From now on what is too old or too much goes. */
  start(): void {
    this.#tidying = setInterval(() => void this.#tidy(), TIDY_MS);
  }

  stop(): void {
    clearInterval(this.#tidying);
  }

  /** Never rejects: what cannot be had or kept is logged. */
  take(incident: number, guest: Guest, sign: SignName): void {
    const { store, sceneOf, log } = this.#parts;
    store.take(incident, sign, sceneOf(guest)).then(
      (missing) => {
        for (const what of missing) log.info({ incident }, `no evidence: ${what}`);
        if (store.isUntidy) void this.#tidy();
      },
      (error: unknown) => log.error({ incident }, `evidence cannot be kept: ${errorLine(error)}`),
    );
  }

  /** Somebody has undefined the guest. */
  guestDeleted(uuid: string): void {
    this.#deleted.set(uuid, this.#parts.clock.now());
  }

  /** The guest is there, for the first time or again. */
  guestThere(uuid: string): void {
    this.#deleted.delete(uuid);
  }

  async #tidy(): Promise<void> {
    const { store, journal, clock, log, keepForMs } = this.#parts;
    try {
      for (const [uuid, at] of this.#deleted) {
        if (clock.now() - at < DELETED_MS) continue;
        this.#deleted.delete(uuid);
        await store.forget(uuid);
      }
      await store.tidy(clock.date());
      journal.forgetIncidents(clock.date() - keepForMs);
    } catch (error) {
      log.error(`what is old cannot be deleted: ${errorLine(error)}`);
    }
  }
}
