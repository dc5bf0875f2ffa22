/** An SQLite file that is ours alone: prepared statements, transactions, and what its errors mean. */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { errorCode } from "@bernard/tools";

type Value = string | number | null;
export type Row = Readonly<Record<string, unknown>>;

/** Its pages can be read, and contradict each other. */
class CorruptError extends Error {}

export class Database {
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Holds the file for itself alone until it is closed. @throws SQLite's errors */
  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    this.exec(
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON",
    );
  }

  /** Reads all of it. @throws what `isCorrupt` knows */
  check(): void {
    const found = this.all("PRAGMA quick_check").map((row) => String(row.quick_check));
    if (found[0] !== "ok") throw new CorruptError(found[0] ?? "it cannot be checked");
  }

  /** Any number of statements. */
  exec(sql: string): void {
    this.#db.exec(sql);
  }

  run(sql: string, ...values: readonly Value[]): void {
    this.#statement(sql).run(...values);
  }

  get(sql: string, ...values: readonly Value[]): Row | undefined {
    return this.#statement(sql).get(...values);
  }

  all(sql: string, ...values: readonly Value[]): Row[] {
    return this.#statement(sql).all(...values);
  }

  /** All of the work, or nothing of it. */
  transaction(work: () => void): void {
    this.exec("BEGIN IMMEDIATE");
    try {
      work();
      this.exec("COMMIT");
    } catch (error) {
      if (this.#db.isTransaction) this.exec("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    this.#db.close();
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** SQLite's primary result codes (https://www.sqlite.org/rescode.html). */
const BUSY = 5;
const CORRUPT = 11;
const CONSTRAINT = 19;
const NOT_A_DATABASE = 26;

/** Whether another process holds the file. */
export const isBusy = (error: unknown): boolean => resultOf(error) === BUSY;

/** Whether it is no database any more. */
export const isCorrupt = (error: unknown): boolean =>
  error instanceof CorruptError || resultOf(error) === CORRUPT || resultOf(error) === NOT_A_DATABASE;

/** Whether what was to be written contradicts what is there, and ever will; anything else may pass. */
export const isConstraint = (error: unknown): boolean => resultOf(error) === CONSTRAINT;

/** The extended codes hold the primary one in their low byte. */
function resultOf(error: unknown): number | undefined {
  if (errorCode(error) !== "ERR_SQLITE_ERROR") return undefined;
  const { errcode } = error as { readonly errcode?: unknown };
  return typeof errcode === "number" ? errcode & 0xff : undefined;
}
