/**
 * The journal's tables. A change is a further entry, never another text of one that was released, and only adds what an older
 * Bernard can do without: it may be put back in place of a newer one.
 */
import type { Database } from "./database.ts";

const VERSIONS: readonly string[] = [
  `CREATE TABLE host (
     id INTEGER PRIMARY KEY CHECK (id = 1),
     boot TEXT NOT NULL
   ) STRICT;
   CREATE TABLE guest (
     uuid TEXT PRIMARY KEY,
     name TEXT NOT NULL,
     state TEXT NOT NULL,
     reason TEXT NOT NULL,
     run TEXT,
     has_daemon INTEGER NOT NULL,
     boot TEXT,
     muted_until INTEGER NOT NULL,
     ends TEXT NOT NULL
   ) STRICT;
   CREATE TABLE incident (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     uuid TEXT,
     name TEXT NOT NULL,
     opened_at INTEGER NOT NULL,
     closed_at INTEGER,
     outcome TEXT
   ) STRICT;
   CREATE INDEX incident_open ON incident (id) WHERE closed_at IS NULL;
   CREATE TABLE sign (
     incident INTEGER NOT NULL REFERENCES incident ON DELETE CASCADE,
     sign TEXT NOT NULL,
     at INTEGER NOT NULL,
     detail TEXT NOT NULL
   ) STRICT;
   CREATE UNIQUE INDEX sign_once ON sign (incident, sign);
   CREATE TABLE would (
     incident INTEGER NOT NULL REFERENCES incident ON DELETE CASCADE,
     at INTEGER NOT NULL,
     remedy TEXT NOT NULL,
     why TEXT NOT NULL
   ) STRICT;
   CREATE INDEX would_of ON would (incident);
   CREATE TABLE alert (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     receiver TEXT NOT NULL,
     incident INTEGER NOT NULL REFERENCES incident ON DELETE CASCADE,
     sign TEXT NOT NULL,
     attempts INTEGER NOT NULL DEFAULT 0,
     next_try_at INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE told (
     receiver TEXT NOT NULL,
     guest TEXT NOT NULL,
     sign TEXT NOT NULL,
     at INTEGER NOT NULL,
     PRIMARY KEY (receiver, guest, sign)
   ) STRICT;
   CREATE INDEX alert_due ON alert (next_try_at);`,
];

/** Brings the tables to this version; those of a newer one are left as they are. */
export function migrate(db: Database): void {
  const version = Number(db.get("PRAGMA user_version")?.user_version);
  for (const [index, tables] of VERSIONS.entries()) {
    if (index >= version) db.exec(`BEGIN EXCLUSIVE; ${tables}; PRAGMA user_version = ${index + 1}; COMMIT`);
  }
}
