/** Opens the journal of a state directory; one that is no journal any more is kept aside, and a new one begun. */
import { existsSync, readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "@bernard/tools";
import { Database, isBusy, isCorrupt } from "./database.ts";
import { Journal } from "./journal.ts";
import { migrate } from "./schema.ts";

const FILE = "journal.db";

/** Between the file's name and the time at which it was kept aside. */
const ASIDE = ".corrupt-";

export interface OpenedJournal {
  readonly journal: Journal;
  /** Where the corrupt one is now; undefined: it was well. */
  readonly keptAside: string | undefined;
}

/**
 * @param now of the calendar, for the name of a corrupt one
 * @throws UserError where another daemon holds it, or the directory cannot be written
 */
export function openJournal(stateDir: string, now: Date): OpenedJournal {
  const path = join(stateDir, FILE);
  try {
    return { journal: checked(path), keptAside: undefined };
  } catch (error) {
    if (isBusy(error)) {
      throw new UserError(`another bernard host runs with ${stateDir}`, "see systemctl status bernard-host", 3);
    }
    if (!isCorrupt(error)) throw notOpened(path, error);
  }
  const keptAside = `${path}${ASIDE}${now.toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
  for (const suffix of ["", "-wal", "-shm"]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, keptAside + suffix);
  }
  return { journal: checked(path), keptAside };
}

/** Those that are kept aside, the oldest first. */
export const corruptJournals = (stateDir: string): string[] =>
  readdirSync(stateDir)
    .filter((name) => name.startsWith(`${FILE}${ASIDE}`) && !/-(?:wal|shm)$/.test(name))
    .toSorted()
    .map((name) => join(stateDir, name));

function checked(path: string): Journal {
  const db = new Database(path);
  try {
    migrate(db);
    db.check(); // SQLite finds out only where it reads
    return new Journal(db);
  } catch (error) {
    db.close();
    throw error;
  }
}

function notOpened(path: string, error: unknown): Error {
  const why = error instanceof Error ? error.message : String(error);
  return new UserError(`the journal ${path} cannot be opened: ${why}`, "is the directory there, and ours to write?", 3);
}
