/**
 * The record of all that the engine was told and what it made of it, one JSON object a line, so that any decision can be replayed
 * and explained. Off where nobody asks for it. A file begins with what was known before its first input.
 */
import { closeSync, existsSync, openSync, renameSync, writeSync } from "node:fs";
import { Engine, type Snapshot, type Tick } from "../engine/engine.ts";
import type { Effect } from "../engine/incident.ts";
import type { Input } from "../engine/input.ts";

/** Bytes after which a new file is begun; the one before is kept as FILE.1. */
const FILE_BYTES = 64 * 2 ** 20;

interface Step {
  readonly input: Input | Tick;
  readonly effects: readonly Effect[];
}

export class InputLog {
  readonly #file: string;
  readonly #engine: Engine;
  #descriptor: number | undefined;
  #bytes = 0;

  constructor(file: string, engine: Engine) {
    this.#file = file;
    this.#engine = engine;
  }

  /** Before the engine takes an input. */
  prepare(): void {
    if (this.#descriptor !== undefined && this.#bytes < FILE_BYTES) return;
    this.close();
    // Of the daemon before us, or full.
    if (existsSync(this.#file)) renameSync(this.#file, `${this.#file}.1`);
    this.#descriptor = openSync(this.#file, "w", 0o600);
    this.#bytes = 0;
    this.#write(this.#engine.snapshot);
  }

  /** Ticks that brought nothing are left out: they change nothing. */
  step(input: Input | Tick, effects: readonly Effect[]): void {
    if (!("uuid" in input) && effects.length === 0) return;
    this.#write({ input, effects } satisfies Step);
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
    this.#descriptor = undefined;
  }

  #write(value: unknown): void {
    if (this.#descriptor === undefined) return;
    this.#bytes += writeSync(this.#descriptor, `${JSON.stringify(value)}\n`);
  }
}

/** The steps that an engine makes of a recorded file's inputs, as the lines that it would record. */
export function* replay(lines: Iterable<string>): Generator<string> {
  let engine: Engine | undefined;
  for (const line of lines) {
    if (engine === undefined) {
      engine = Engine.from(JSON.parse(line) as Snapshot);
      yield line;
      continue;
    }
    const { input } = JSON.parse(line) as Step;
    yield JSON.stringify({ input, effects: engine.take(input) } satisfies Step);
  }
}
