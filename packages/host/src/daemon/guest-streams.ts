/** One stream out of each guest: opened while the guest is up, again when it is lost, and anew in another run. */
import type { Duplex } from "node:stream";
import { type Guest, isFailure } from "@bernard/hypervisor";

/** What is read, and what is kept of it. */
interface Source<Kept> {
  /** Rejects with `unsupported` where the guest has none. */
  open(guest: Guest): Promise<Duplex>;
  /** What is kept of a run of which nothing was read yet. */
  begin(): Kept;
  read(uuid: string, kept: Kept, chunk: Buffer): void;
  /** Milliseconds until one that could not be opened, or was lost, is tried again: at first, and at most. */
  readonly retryMs: number;
  readonly retryMaxMs: number;
}

interface Line<Kept> {
  readonly run: string | undefined;
  readonly kept: Kept;
  stream: Duplex | undefined;
  retry: NodeJS.Timeout | undefined;
  retryMs: number;
  closed: boolean;
}

export class GuestStreams<Kept> {
  readonly #source: Source<Kept>;
  readonly #lines = new Map<string, Line<Kept>>();

  constructor(source: Source<Kept>) {
    this.#source = source;
  }

  /** The guest is in this state now: reads while it runs or stands, another run anew. */
  follow(guest: Guest): void {
    const line = this.#lines.get(guest.uuid);
    const isUp = guest.run !== undefined && guest.state !== "shutoff";
    if (line !== undefined && (!isUp || line.run !== guest.run)) hangUp(line);
    if (isUp && line?.run !== guest.run) this.#begin(guest);
  }

  /** The guest is not there any more. */
  forget(uuid: string): void {
    const line = this.#lines.get(uuid);
    if (line !== undefined) hangUp(line);
    this.#lines.delete(uuid);
  }

  /** Of the guest's last run; undefined where it was never followed. */
  kept(uuid: string): Kept | undefined {
    return this.#lines.get(uuid)?.kept;
  }

  close(): void {
    for (const line of this.#lines.values()) hangUp(line);
  }

  #begin(guest: Guest): void {
    const line: Line<Kept> = {
      run: guest.run,
      kept: this.#source.begin(),
      stream: undefined,
      retry: undefined,
      retryMs: this.#source.retryMs,
      closed: false,
    };
    this.#lines.set(guest.uuid, line);
    void this.#open(guest, line);
  }

  async #open(guest: Guest, line: Line<Kept>): Promise<void> {
    try {
      const stream = await this.#source.open(guest);
      if (line.closed) {
        stream.destroy();
        return;
      }
      line.stream = stream;
      stream.on("data", (chunk: Buffer) => {
        line.retryMs = this.#source.retryMs;
        this.#source.read(guest.uuid, line.kept, chunk);
      });
      stream.on("error", () => {}); // its close follows
      stream.once("close", () => this.#retry(guest, line));
    } catch (error) {
      // A guest without it does not get one while it runs.
      if (!isFailure(error, "unsupported") && !isFailure(error, "gone")) this.#retry(guest, line);
    }
  }

  #retry(guest: Guest, line: Line<Kept>): void {
    line.stream = undefined;
    if (line.closed) return;
    line.retry = setTimeout(() => void this.#open(guest, line), line.retryMs);
    line.retryMs = Math.min(2 * line.retryMs, this.#source.retryMaxMs);
  }
}

/** What was read is kept. */
function hangUp<Kept>(line: Line<Kept>): void {
  line.closed = true;
  clearTimeout(line.retry);
  line.stream?.destroy();
}
