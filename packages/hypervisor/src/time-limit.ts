/** A deadline and a caller's signal as one signal. */

/** Milliseconds something may take where its caller says nothing else. */
const DEADLINE_MS = 10_000;

/** Longest wait that Node's timers know, 24 days; what is more would be none at all. */
const LONGEST_MS = 2 ** 31 - 1;

/** As `CallOptions` of the interface. */
interface Limits {
  readonly deadlineMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class TimeLimit {
  /** Milliseconds from its start. */
  readonly deadlineMs: number;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;
  readonly #theirs: AbortSignal | undefined;
  readonly #abort = () => this.#controller.abort(this.#theirs?.reason);

  /** @param late makes the error of a deadline that has passed */
  constructor(late: (deadlineMs: number) => Error, { deadlineMs = DEADLINE_MS, signal }: Limits) {
    this.deadlineMs = Math.min(deadlineMs, LONGEST_MS);
    this.#timer = setTimeout(() => this.#controller.abort(late(deadlineMs)), this.deadlineMs);
    this.#theirs = signal;
    if (signal?.aborted) this.#abort();
    signal?.addEventListener("abort", this.#abort, { once: true });
  }

  /** Aborted with the error of the deadline, or with the reason of the caller's signal. */
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
