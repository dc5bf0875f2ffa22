/** Reads a guest's end of the channel: untrusted bytes in, valid messages out, at a bounded cost in memory and time. */
import { LineSplitter } from "./line-splitter.ts";
import { type GuestMessage, MAX_LINE_BYTES } from "./messages.ts";
import { parseMessage } from "./parse.ts";

/** Lines that are read at once after a quiet time: a busy start of a daemon, and its last words, many times over. */
export const BURST_LINES = 200;

/** Lines a second that are read in the long run; a daemon sends one every 10 s, and one at each change of a verdict. */
export const LINES_PER_SECOND = 20;

/** What was dropped, in lines. */
export interface Dropped {
  /** Longer than {@link MAX_LINE_BYTES}. */
  readonly overlong: number;
  /** No message that we know. */
  readonly garbled: number;
  /** Unread, because too many came too fast. */
  readonly flooded: number;
}

/**
 * One reader for one guest.
 *
 * @example
 * const reader = new ChannelReader();
 * channel.on("data", (chunk) => {
 *   for (const message of reader.push(chunk, performance.now())) console.log(message.type);
 * });
 */
export class ChannelReader {
  readonly #splitter = new LineSplitter(MAX_LINE_BYTES);
  #garbled = 0;
  #flooded = 0;
  #tokens = BURST_LINES;
  #refilledMs: number | undefined;

  get dropped(): Dropped {
    return { overlong: this.#splitter.overlong, garbled: this.#garbled, flooded: this.#flooded };
  }

  /**
   * The messages that `chunk` completes; empty lines mean nothing.
   * @param nowMs a monotonic clock, in milliseconds
   */
  push(chunk: Uint8Array, nowMs: number): GuestMessage[] {
    this.#refill(nowMs);
    const messages: GuestMessage[] = [];
    for (const line of this.#splitter.push(chunk)) {
      if (line.trim() === "") continue;
      if (this.#tokens < 1) {
        this.#flooded++;
        continue;
      }
      this.#tokens--;
      const parsed = parseMessage(line);
      if (parsed.ok) messages.push(parsed.message);
      else this.#garbled++;
    }
    return messages;
  }

  #refill(nowMs: number): void {
    const elapsedMs = Math.max(0, nowMs - (this.#refilledMs ?? nowMs));
    this.#tokens = Math.min(BURST_LINES, this.#tokens + (elapsedMs / 1000) * LINES_PER_SECOND);
    this.#refilledMs = Math.max(nowMs, this.#refilledMs ?? nowMs);
  }
}
