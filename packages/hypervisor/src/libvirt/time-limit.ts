/** A deadline and a caller's signal as one signal. */
import { LibvirtDeadlineError } from "./errors.ts";

/** Milliseconds something may take where its caller says nothing else. */
const DEADLINE_MS = 10_000;

/** Longest wait that Node's timers know, 24 days; what is more would be none at all. */
const LONGEST_MS = 2 ** 31 - 1;

export interface CallOptions {
  /** Milliseconds from now until it is given up: 10 s where nothing is said. */
  readonly deadlineMs?: number | undefined;
  /** Gives it up when it is aborted; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export class TimeLimit {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #theirs: AbortSignal | undefined;
  readonly #abort = () => this.#controller.abort(this.#theirs?.reason);

  /** @param awaited what the error says was awaited */
  constructor(awaited: string, { deadlineMs = DEADLINE_MS, signal }: CallOptions) {
    const late = () => this.#controller.abort(new LibvirtDeadlineError(awaited, deadlineMs));
    this.#timer = setTimeout(late, Math.min(deadlineMs, LONGEST_MS));
    this.#theirs = signal;
    if (signal?.aborted) this.#abort();
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** Aborted with a LibvirtDeadlineError, or with the reason of the caller's signal. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** `work`, unless the limit comes first. */
  async race<T>(work: Promise<T>): Promise<T> {
    let onAbort = () => {};
    try {
      return await new Promise<T>((resolve, reject) => {
        onAbort = () => reject(this.signal.reason);
        if (this.signal.aborted) onAbort();
        this.signal.addEventListener("abort", onAbort, { once: true });
        work.then(resolve, reject);
      });
    } finally {
      this.signal.removeEventListener("abort", onAbort);
    }
  }

  /** Whatever was limited is over. */
  end(): void {
    clearTimeout(this.#timer);
    this.#theirs?.removeEventListener("abort", this.#abort);
  }
}
