/** What has happened so far, in order, and a way to await what happens next. */

export class Timeline<T extends { readonly atMs: number }> {
  readonly #items: T[] = [];
  readonly #waiters = new Set<(item: T | undefined) => void>();
  #ended = false;

  get items(): readonly T[] {
    return this.#items;
  }

  add(item: T): void {
    this.#items.push(item);
    for (const waiter of this.#waiters) waiter(item);
  }

  /** Nothing more will come: whoever waits gets `undefined`. */
  end(): void {
    this.#ended = true;
    for (const waiter of this.#waiters) waiter(undefined);
  }

  /** The first item at `sinceMs` or later that passes `test`; `undefined` when none comes within `deadlineMs` from now. */
  next(test: (item: T) => boolean, deadlineMs: number, sinceMs: number): Promise<T | undefined> {
    const there = this.#items.find((item) => item.atMs >= sinceMs && test(item));
    if (there !== undefined || this.#ended) return Promise.resolve(there);
    return new Promise((resolve) => {
      const settle = (item: T | undefined) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve(item);
      };
      const waiter = (item: T | undefined) => {
        if (item === undefined || test(item)) settle(item);
      };
      const timer = setTimeout(settle, deadlineMs, undefined);
      this.#waiters.add(waiter);
    });
  }
}
