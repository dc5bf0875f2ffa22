/**
 * The evidence of incidents, as files for root alone: STATE/evidence/UUID/INCIDENT/SIGN/FILE. Bounded in time and bytes; what is
 * too old, or too much of one guest or of all, goes first come, first gone.
 */
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, rmdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { SignName } from "../engine/incident.ts";
import { type Collector, EVIDENCE_BYTES, type Scene } from "./collector.ts";

/** Milliseconds that taking it may last. */
const TAKE_MS = 10_000;

/** So many are taken at a time: when a host's storage is stuck, all its guests are in trouble at once. */
const TAKES_MAX = 16;

/** Ends the name of a sign's directory while it is filled: a daemon that was killed meanwhile takes it again. */
const UNFINISHED = ".part";

export interface EvidenceLimits {
  readonly keepForMs: number;
  readonly perGuestBytes: number;
  readonly inAllBytes: number;
}

export interface EvidenceFile {
  /** `SIGN/FILE` */
  readonly path: string;
  readonly bytes: number;
}

interface Kept {
  readonly dir: string;
  readonly uuid: string;
  readonly incident: number;
  readonly bytes: number;
  readonly mtimeMs: number;
}

export class EvidenceStore {
  readonly #dir: string;
  readonly #collectors: readonly Collector[];
  readonly #limits: EvidenceLimits;
  #taking = 0;
  readonly #waiting: (() => void)[] = [];
  /** Written since it was tidied. */
  #bytes = 0;
  #tidying: Promise<void> | undefined;

  /** @param stateDir an existing directory */
  constructor(stateDir: string, collectors: readonly Collector[], limits: EvidenceLimits) {
    this.#dir = join(stateDir, "evidence");
    this.#collectors = collectors;
    this.#limits = limits;
  }

  /**
   * Takes what can be had at this moment, or soon where very many guests are in trouble. Resolves to what could not be taken, each
   * with its reason.
   * @throws where nothing can be written
   */
  async take(incident: number, sign: SignName, scene: Scene): Promise<readonly string[]> {
    if (this.#taking >= TAKES_MAX) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#taking++;
    try {
      return await this.#take(this.#signDir(scene.guest.uuid, incident, sign), scene);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#taking--;
      else next();
    }
  }

  async #take(whole: string, scene: Scene): Promise<readonly string[]> {
    const dir = `${whole}${UNFINISHED}`;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    const signal = AbortSignal.timeout(TAKE_MS);
    const missing: string[] = [];
    const written = this.#collectors.map(async (collector) => {
      const piece = await withinLimit(collector, scene, signal).catch((error: unknown) => {
        missing.push(`${collector.name}: ${error instanceof Error ? error.message : error}`);
      });
      if (piece === undefined) return;
      const bytes = piece.bytes.subarray(0, EVIDENCE_BYTES);
      this.#bytes += bytes.length;
      await writeFile(join(dir, piece.file), bytes, { mode: 0o600 });
    });
    await Promise.all(written);
    await rename(dir, whole);
    return missing;
  }

  /** Whether it was taken at that sign, to the end. */
  has(uuid: string, incident: number, sign: SignName): boolean {
    return existsSync(this.#signDir(uuid, incident, sign));
  }

  /** What is kept of an incident: of each sign all of it, or nothing while it is taken. */
  async files(uuid: string, incident: number): Promise<EvidenceFile[]> {
    const dir = this.directory(uuid, incident);
    const names = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
    const files = names.filter((entry) => entry.isFile() && !entry.parentPath.endsWith(UNFINISHED));
    const sized = await Promise.all(
      files.map(async ({ parentPath, name }) => {
        const path = join(parentPath, name);
        const bytes = await stat(path).then(
          ({ size }) => size,
          () => undefined, // it was deleted meanwhile
        );
        return { path: path.slice(dir.length + 1), bytes };
      }),
    );
    return sized.filter((file): file is EvidenceFile => file.bytes !== undefined);
  }

  /** The highest number of an incident that something is kept of. */
  async highest(): Promise<number> {
    const all = await readdir(this.#dir).catch(() => []);
    const numbers = await Promise.all(all.map((uuid) => readdir(join(this.#dir, uuid)).catch(() => [])));
    return numbers.flat().reduce((highest, name) => Math.max(highest, Number(name) || 0), 0);
  }

  /** The directory of an incident's evidence, there or not. */
  directory(uuid: string, incident: number): string {
    return join(this.#dir, uuid, String(incident));
  }

  /** Goes with its guest. */
  async forget(uuid: string): Promise<void> {
    // What is being taken may be written into it meanwhile.
    await rm(join(this.#dir, uuid), { recursive: true, force: true, maxRetries: 5 });
  }

  /** Whether so much was written that it should be tidied now. */
  get isUntidy(): boolean {
    return this.#bytes >= this.#limits.inAllBytes / 8;
  }

  /** Deletes what is too old or too much. */
  tidy(now: number): Promise<void> {
    this.#tidying ??= this.#tidy(now).finally(() => {
      this.#tidying = undefined;
    });
    return this.#tidying;
  }

  async #tidy(now: number): Promise<void> {
    const { keepForMs, perGuestBytes, inAllBytes } = this.#limits;
    this.#bytes = 0;
    const newestFirst = (await this.#all()).toSorted((a, b) => b.mtimeMs - a.mtimeMs || b.incident - a.incident);
    const ofGuest = new Map<string, number>();
    let inAll = 0;
    for (const { dir, uuid, bytes, mtimeMs } of newestFirst) {
      const guests = (ofGuest.get(uuid) ?? 0) + bytes;
      ofGuest.set(uuid, guests);
      // What is too much of one guest takes no other's place.
      const isOver = now - mtimeMs > keepForMs || guests > perGuestBytes || inAll + bytes > inAllBytes;
      if (isOver) await rm(dir, { recursive: true, force: true, maxRetries: 5 });
      else inAll += bytes;
    }
    // One that is not empty stays.
    for (const uuid of await readdir(this.#dir).catch(() => [])) await rmdir(join(this.#dir, uuid)).catch(() => {});
  }

  async #all(): Promise<Kept[]> {
    const kept: Kept[] = [];
    for (const uuid of await readdir(this.#dir).catch(() => [])) {
      for (const name of await readdir(join(this.#dir, uuid)).catch(() => [])) {
        const dir = join(this.#dir, uuid, name);
        const incident = Number(name);
        const files = await this.files(uuid, incident);
        const mtimeMs = await stat(dir).then(
          (found) => found.mtimeMs,
          () => 0, // it was deleted meanwhile
        );
        kept.push({ dir, uuid, incident, bytes: files.reduce((sum, file) => sum + file.bytes, 0), mtimeMs });
      }
    }
    return kept;
  }

  #signDir(uuid: string, incident: number, sign: SignName): string {
    return join(this.directory(uuid, incident), sign);
  }
}

/** A collector that hangs though its signal is aborted holds up nobody. */
function withinLimit(collector: Collector, scene: Scene, signal: AbortSignal) {
  const { promise: late, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return Promise.race([collector.collect(scene, signal), late]);
}
