/** Opens the journal of a state directory; one that is no journal any more is kept aside, and a new one begun. */
import { existsSync, renameSync } from "node:fs";
import { join } from "node:path";
import { UserError } from "@bernard/tools";
import { CorruptJournalError, Journal, resultOf } from "./journal.ts";

/** SQLite's primary result codes (https://www.sqlite.org/rescode.html). */
const BUSY = 5;
const CORRUPT = 11;
const NOT_A_DATABASE = 26;

const FILE = "journal.db";

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
    if (resultOf(error) === BUSY) {
      throw new UserError(`another bernard host runs with ${stateDir}`, "see systemctl status bernard-host", 3);
    }
    if (!isCorrupt(error)) throw notOpened(path, error);
  }
  const keptAside = `${path}.corrupt-${now.toISOString().replaceAll(/[-:]|\.\d+/g, "")}`;
  for (const suffix of ["", "-wal", "-shm"]) {
    if (existsSync(path + suffix)) renameSync(path + suffix, keptAside + suffix);
  }
  return { journal: checked(path), keptAside };
}

/** SQLite finds out only where it reads. */
function checked(path: string): Journal {
  const journal = new Journal(path);
  try {
    journal.check();
    return journal;
  } catch (error) {
    journal.close();
    throw error;
  }
}

const isCorrupt = (error: unknown): boolean =>
  error instanceof CorruptJournalError || resultOf(error) === CORRUPT || resultOf(error) === NOT_A_DATABASE;

function notOpened(path: string, error: unknown): Error {
  const why = error instanceof Error ? error.message : String(error);
  return new UserError(`the journal ${path} cannot be opened: ${why}`, "is the directory there, and ours to write?", 3);
}
