/**
 * The journal: what is known of guests, their incidents, and what is still to be told of them, in one SQLite file. Each step is
 * one transaction: what the engine has decided is on disk whole before anything of it is done, or not at all.
 */
import type { Effect, Outcome, Sign, SignName } from "../engine/incident.ts";
import type { Database, Row } from "./database.ts";

/** What has to outlive the daemon of a guest's record. Times are of the calendar, in milliseconds. */
export interface GuestFacts {
  readonly uuid: string;
  readonly name: string;
  /** As it was told last; what becomes of it while nobody listens is held against it. */
  readonly state: string;
  readonly reason: string;
  readonly run: string | undefined;
  /** Whether bernard-guest was ever heard. */
  readonly hasDaemon: boolean;
  readonly boot: string | undefined;
  readonly mutedUntil: number;
  readonly ends: readonly number[];
}

/** An incident as it is kept. Times are of the calendar, in milliseconds. */
export interface KeptIncident {
  readonly id: number;
  /** Undefined: of the host. */
  readonly uuid: string | undefined;
  readonly name: string;
  readonly openedAt: number;
  readonly closedAt: number | undefined;
  readonly outcome: Outcome | undefined;
  readonly signs: readonly Sign[];
  /** What would have been done, one entry a sign that asks for something. */
  readonly would: readonly { readonly at: number; readonly remedy: string; readonly why: string }[];
}

/** An alert on its way to one receiver. */
export interface QueuedAlert {
  readonly id: number;
  readonly receiver: string;
  readonly incident: number;
  readonly sign: SignName;
  readonly attempts: number;
}

export interface IncidentFilter {
  /** UUID or name. */
  readonly guest?: string | undefined;
  /** Opened, or still open, since then. */
  readonly since?: number | undefined;
  readonly limit?: number | undefined;
}

/** How an effect's time becomes one of the calendar. */
export type Calendar = (at: number) => number;

/** Milliseconds in which a receiver is not told the same of the same guest again; the incident is kept all the same. */
const TOLD_MS = 15 * 60_000;

/** Longest wait between two tries, in milliseconds: what is due later than that was queued before the calendar was put back. */
export const RETRY_MAX_MS = 600_000;

export class Journal {
  readonly #db: Database;

  /** @param db open, with this version's tables; see open-journal.ts */
  constructor(db: Database) {
    this.#db = db;
  }

  /** The first number of an incident that was never given. */
  get nextIncident(): number {
    const row = this.#db.get("SELECT seq FROM sqlite_sequence WHERE name = 'incident'");
    return Number(row?.seq ?? 0) + 1;
  }

  /**
   * Writes one step of the engine: its effects, what is known of the guest afterwards, and an alert for each receiver.
   * @param guests those of whom something changed that has to be kept
   * @param gone UUIDs of guests that are not there any more
   */
  commit(
    effects: readonly Effect[],
    guests: readonly GuestFacts[],
    receivers: readonly string[],
    calendar: Calendar,
    gone: readonly string[] = [],
  ): void {
    this.#db.transaction(() => {
      for (const effect of effects) this.#write(effect, receivers, calendar);
      for (const guest of guests) this.#keepGuest(guest);
      for (const uuid of gone) this.#db.run("DELETE FROM guest WHERE uuid = ?", uuid);
    });
  }

  /** What is known of every guest that was ever kept. */
  guests(): GuestFacts[] {
    return this.#db.all("SELECT * FROM guest").map((row) => ({
      uuid: String(row.uuid),
      name: String(row.name),
      state: String(row.state),
      reason: String(row.reason),
      run: row.run === null ? undefined : String(row.run),
      hasDaemon: row.has_daemon === 1,
      boot: row.boot === null ? undefined : String(row.boot),
      mutedUntil: Number(row.muted_until),
      ends: JSON.parse(String(row.ends)),
    }));
  }

  incident(id: number): KeptIncident | undefined {
    const row = this.#db.get("SELECT * FROM incident WHERE id = ?", id);
    return row && this.#kept(row);
  }

  /** The newest first. */
  incidents({ guest, since, limit = 1000 }: IncidentFilter = {}): KeptIncident[] {
    const rows = this.#db.all(
      `SELECT * FROM incident
        WHERE (?1 IS NULL OR uuid = ?1 OR name = ?1) AND (?2 IS NULL OR closed_at IS NULL OR opened_at >= ?2)
        ORDER BY id DESC LIMIT ?3`,
      guest ?? null,
      since ?? null,
      limit,
    );
    return rows.map((row) => this.#kept(row));
  }

  openIncidents(): KeptIncident[] {
    return this.#db.all("SELECT * FROM incident WHERE closed_at IS NULL ORDER BY id").map((row) => this.#kept(row));
  }

  /** Deletes closed incidents that ended before then, and whom their like was told; returns their numbers. */
  forgetIncidents(before: number): number[] {
    this.#db.run("DELETE FROM told WHERE at < ?", before);
    return this.#db.all("DELETE FROM incident WHERE closed_at < ? RETURNING id", before).map((row) => Number(row.id));
  }

  /** Of each receiver the oldest alert that is due. */
  dueAlerts(now: number): QueuedAlert[] {
    // SQLite takes the other columns from the row of the minimum.
    const rows = this.#db.all(
      "SELECT *, min(id) FROM alert WHERE next_try_at <= ?1 OR next_try_at > ?1 + ?2 GROUP BY receiver ORDER BY id",
      now,
      RETRY_MAX_MS,
    );
    return rows.map((row) => ({
      id: Number(row.id),
      receiver: String(row.receiver),
      incident: Number(row.incident),
      sign: String(row.sign) as SignName,
      attempts: Number(row.attempts),
    }));
  }

  /** When the next alert is due, of those whose receiver is not among `without`; undefined: none waits. */
  nextAlertAt(without: ReadonlySet<string> = new Set()): number | undefined {
    const rows = this.#db.all("SELECT receiver, min(next_try_at) AS at FROM alert GROUP BY receiver");
    const times = rows.filter(({ receiver }) => !without.has(String(receiver))).map(({ at }) => Number(at));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** It has arrived, or is given up. */
  alertDone(id: number): void {
    this.#db.run("DELETE FROM alert WHERE id = ?", id);
  }

  /** Nobody of that name gets alerts any more. */
  forgetReceiver(receiver: string): void {
    this.#db.run("DELETE FROM alert WHERE receiver = ?", receiver);
  }

  alertFailed(id: number, nextTryAt: number): void {
    this.#db.run("UPDATE alert SET attempts = attempts + 1, next_try_at = ? WHERE id = ?", nextTryAt, id);
  }

  close(): void {
    this.#db.close();
  }

  #write(effect: Effect, receivers: readonly string[], calendar: Calendar): void {
    switch (effect.type) {
      case "open": {
        const { id, uuid, name, signs } = effect.incident;
        const [sign] = signs;
        this.#db.run(
          "INSERT INTO incident (id, uuid, name, opened_at) VALUES (?, ?, ?, ?)",
          id,
          uuid ?? null,
          name,
          calendar(sign!.at),
        );
        this.#keepSign(id, sign!, calendar);
        break;
      }
      case "sign":
        this.#keepSign(effect.id, effect.sign, calendar);
        break;
      case "close":
        this.#db.run(
          "UPDATE incident SET closed_at = ?, outcome = ? WHERE id = ?",
          calendar(effect.at),
          effect.outcome,
          effect.id,
        );
        break;
      case "would":
        this.#db.run(
          "INSERT INTO would (incident, at, remedy, why) VALUES (?, ?, ?, ?)",
          effect.id,
          calendar(effect.at),
          effect.remedy,
          effect.why,
        );
        break;
      case "alert":
        for (const receiver of receivers) this.#queue(receiver, effect.id, effect.sign.sign, calendar(effect.sign.at));
        break;
      default:
    }
  }

  /** Of one guest and one sign, a receiver is told once within a while. */
  #queue(receiver: string, incident: number, sign: SignName, at: number): void {
    const { uuid } = this.#db.get("SELECT uuid FROM incident WHERE id = ?", incident) ?? {};
    const guest = typeof uuid === "string" ? uuid : "host";
    const told = this.#db.get(
      "SELECT at FROM told WHERE receiver = ? AND guest = ? AND sign = ?",
      receiver,
      guest,
      sign,
    )?.at;
    if (typeof told === "number" && at >= told && at - told < TOLD_MS) return;
    this.#db.run(
      "INSERT OR REPLACE INTO told (receiver, guest, sign, at) VALUES (?, ?, ?, ?)",
      receiver,
      guest,
      sign,
      at,
    );
    this.#db.run(
      "INSERT INTO alert (receiver, incident, sign, next_try_at) VALUES (?, ?, ?, ?)",
      receiver,
      incident,
      sign,
      at,
    );
  }

  #keepSign(incident: number, { sign, at, detail }: Sign, calendar: Calendar): void {
    this.#db.run(
      "INSERT INTO sign (incident, sign, at, detail) VALUES (?, ?, ?, ?)",
      incident,
      sign,
      calendar(at),
      detail,
    );
  }

  #keepGuest(guest: GuestFacts): void {
    const { uuid, name, state, reason, run, hasDaemon, boot, mutedUntil, ends } = guest;
    this.#db.run(
      `INSERT OR REPLACE INTO guest (uuid, name, state, reason, run, has_daemon, boot, muted_until, ends)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[uuid, name, state, reason, run ?? null],
      ...[hasDaemon ? 1 : 0, boot ?? null, mutedUntil, JSON.stringify(ends)],
    );
  }

  /** Whether this is another boot of the host than the last time: runs of guests then count anew. @throws where it cannot be written */
  hostBooted(boot: string): boolean {
    const before = this.#db.get("SELECT boot FROM host")?.boot;
    if (before === boot) return false; // nothing to write: a full disk is no reason not to start
    this.#db.run("INSERT OR REPLACE INTO host (id, boot) VALUES (1, ?)", boot);
    return true;
  }

  #kept(row: Row): KeptIncident {
    const id = Number(row.id);
    const signs = this.#db.all("SELECT sign, at, detail FROM sign WHERE incident = ? ORDER BY rowid", id);
    const would = this.#db.all("SELECT at, remedy, why FROM would WHERE incident = ? ORDER BY rowid", id);
    return {
      id,
      uuid: row.uuid === null ? undefined : String(row.uuid),
      name: String(row.name),
      openedAt: Number(row.opened_at),
      closedAt: row.closed_at === null ? undefined : Number(row.closed_at),
      outcome: row.outcome === null ? undefined : (String(row.outcome) as Outcome),
      signs: signs.map(({ sign, at, detail }) => ({
        sign: String(sign) as SignName,
        at: Number(at),
        detail: String(detail),
      })),
      would: would.map(({ at, remedy, why }) => ({ at: Number(at), remedy: String(remedy), why: String(why) })),
    };
  }
}
