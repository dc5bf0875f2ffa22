/** Cuts a stream of bytes into lines in bounded memory, whatever the sender does. */

const NEWLINE = 0x0a;

/** Of whole lines only: nothing is kept between two, so that all share it. */
const decoder = new TextDecoder();

export class LineSplitter {
  readonly #maxLineBytes: number;
  /** The unfinished line; grows by doubling up to the limit, so that tiny chunks cost no more than large ones. */
  #held = new Uint8Array();
  #length = 0;
  #skipping = false;
  #overlong = 0;

  /** @param maxLineBytes longest line in bytes, its newline included */
  constructor(maxLineBytes: number) {
    this.#maxLineBytes = maxLineBytes;
  }

  /** Lines dropped because they were longer than the limit; an endless one counts once, when it passes the limit. */
  get overlong(): number {
    return this.#overlong;
  }

  /** Bytes kept in memory for the unfinished line. */
  get heldBytes(): number {
    return this.#held.length;
  }

  /** The lines that `chunk` completes, without their newlines; bytes that are no UTF-8 become U+FFFD. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let start = 0;
    while (start < chunk.length) {
      const newline = chunk.indexOf(NEWLINE, start);
      const end = newline === -1 ? chunk.length : newline;
      const part = chunk.subarray(start, end);
      if (newline === -1) this.#hold(part);
      else {
        const line = this.#end(part);
        if (line !== undefined) lines.push(decoder.decode(line));
      }
      start = end + 1;
    }
    return lines;
  }

  /** The line that `part` ends, as bytes until the next call; undefined where it was too long. One that came whole is not copied. */
  #end(part: Uint8Array): Uint8Array | undefined {
    const isWhole = this.#length === 0 && part.length < this.#maxLineBytes;
    if (!isWhole) this.#hold(part);
    const line = isWhole ? part : this.#held.subarray(0, this.#length);
    const isOverlong = this.#skipping;
    this.#length = 0;
    this.#skipping = false;
    return isOverlong ? undefined : line;
  }

  #hold(part: Uint8Array): void {
    if (this.#skipping) return;
    const length = this.#length + part.length;
    if (length >= this.#maxLineBytes) {
      this.#skipping = true;
      this.#overlong++;
      return;
    }
    if (length > this.#held.length) {
      const grown = new Uint8Array(Math.min(Math.max(length, 2 * this.#held.length), this.#maxLineBytes));
      grown.set(this.#held.subarray(0, this.#length));
      this.#held = grown;
    }
    this.#held.set(part, this.#length);
    this.#length = length;
  }
}
