/** A heap of timers by deadline; among equals the one that was set first comes first, as in QEMU's lists of timers. */

/** What lies in the heap; the heap keeps its place in it up to date, -1 outside. */
export interface HeapEntry {
  place: number;
}

/** Children of a node: with four, fewer levels are walked, and a node's children lie in one line of the cache. */
const ARITY = 4;

export class TimerHeap<T extends HeapEntry> {
  #size = 0;
  #count = 0;
  // The keys lie apart from the entries, so that a walk through the heap touches no object.
  #keys = new Float64Array(64);
  #orders = new Float64Array(64);
  readonly #entries: T[] = [];

  get first(): T | undefined {
    return this.#entries[0];
  }

  /** The earliest deadline; infinity where there is none. */
  get firstKey(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : this.#keys[0]!;
  }

  /** Adds the entry, or moves it to its new deadline, behind all others with the same. */
  set(entry: T, key: number): void {
    let place = entry.place;
    if (place === -1) {
      place = this.#size++;
      if (place === this.#keys.length) this.#grow();
      this.#entries.push(entry);
    }
    this.#settle(place, entry, key, this.#count++);
  }

  remove(entry: T): void {
    const place = entry.place;
    if (place === -1) return;
    entry.place = -1;
    const last = --this.#size;
    const moved = this.#entries.pop() as T;
    if (moved !== entry) this.#settle(place, moved, this.#keys[last]!, this.#orders[last]!);
  }

  /** Moves every deadline by the same, which keeps their order. */
  shift(by: number): void {
    for (let place = 0; place < this.#size; place++) this.#keys[place]! += by;
  }

  /** Puts the entry where it belongs, starting at a place that is free for it. */
  #settle(from: number, entry: T, key: number, order: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 2;
      if (!this.#isBefore(key, order, parent)) break;
      this.#move(parent, place);
      place = parent;
    }
    if (place === from) {
      for (;;) {
        const child = this.#firstChild(place);
        if (child === -1 || this.#isBefore(key, order, child)) break;
        this.#move(child, place);
        place = child;
      }
    }
    this.#keys[place] = key;
    this.#orders[place] = order;
    this.#entries[place] = entry;
    entry.place = place;
  }

  #firstChild(place: number): number {
    const from = place * ARITY + 1;
    if (from >= this.#size) return -1;
    const end = Math.min(from + ARITY, this.#size);
    let first = from;
    for (let child = from + 1; child < end; child++) {
      if (this.#isBefore(this.#keys[child]!, this.#orders[child]!, first)) first = child;
    }
    return first;
  }

  #isBefore(key: number, order: number, place: number): boolean {
    const other = this.#keys[place]!;
    return key < other || (key === other && order < this.#orders[place]!);
  }

  #move(from: number, to: number): void {
    const entry = this.#entries[from]!;
    this.#keys[to] = this.#keys[from]!;
    this.#orders[to] = this.#orders[from]!;
    this.#entries[to] = entry;
    entry.place = to;
  }

  #grow(): void {
    const grow = (old: Float64Array<ArrayBuffer>) => {
      const grown = new Float64Array(old.length * 2);
      grown.set(old);
      return grown;
    };
    this.#keys = grow(this.#keys);
    this.#orders = grow(this.#orders);
  }
}
