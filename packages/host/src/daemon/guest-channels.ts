/** Listens to the daemons in guests: their channel is opened while they run, and again when it is lost. */
import type { Duplex } from "node:stream";
import { type Guest, type Hypervisor, isFailure } from "@bernard/hypervisor";
import { CHANNEL_NAME, ChannelReader, type Dropped, type GuestMessage } from "@bernard/protocol";
import { BeatRing } from "./beat-ring.ts";
import type { Clock } from "./clock.ts";

/** Milliseconds until a channel that could not be opened, or was lost, is tried again: at first, and at most. */
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;

/** What is known of a guest by its own words. */
interface Line {
  readonly run: string | undefined;
  readonly beats: BeatRing;
  readonly reader: ChannelReader;
  stream: Duplex | undefined;
  retry: NodeJS.Timeout | undefined;
  retryMs: number;
  lastWords: GuestMessage | undefined;
  closed: boolean;
}

export class GuestChannels {
  readonly #hypervisor: Hypervisor;
  readonly #clock: Clock;
  readonly #onMessage: (uuid: string, message: GuestMessage) => void;
  readonly #lines = new Map<string, Line>();

  constructor(hypervisor: Hypervisor, clock: Clock, onMessage: (uuid: string, message: GuestMessage) => void) {
    this.#hypervisor = hypervisor;
    this.#clock = clock;
    this.#onMessage = onMessage;
  }

  /** The guest is in this state now: listens while it runs or stands, another run anew. */
  follow(guest: Guest): void {
    if (!this.#hypervisor.abilities.has("channel")) return;
    const line = this.#lines.get(guest.uuid);
    const isOn = guest.run !== undefined && guest.state !== "shutoff";
    if (line !== undefined && (!isOn || line.run !== guest.run)) hangUp(line);
    if (isOn && line?.run !== guest.run) this.#begin(guest);
  }

  /** The guest is not there any more. */
  forget(uuid: string): void {
    const line = this.#lines.get(uuid);
    if (line !== undefined) hangUp(line);
    this.#lines.delete(uuid);
  }

  /** What the guest has said of itself in its last run, for evidence; undefined where it was never listened to. */
  said(
    uuid: string,
  ): { readonly beats: BeatRing; readonly lastWords: GuestMessage | undefined; readonly dropped: Dropped } | undefined {
    const line = this.#lines.get(uuid);
    return line && { beats: line.beats, lastWords: line.lastWords, dropped: line.reader.dropped };
  }

  close(): void {
    for (const line of this.#lines.values()) hangUp(line);
  }

  #begin(guest: Guest): void {
    const line: Line = {
      run: guest.run,
      beats: new BeatRing(),
      reader: new ChannelReader(),
      stream: undefined,
      retry: undefined,
      retryMs: RETRY_MS,
      lastWords: undefined,
      closed: false,
    };
    this.#lines.set(guest.uuid, line);
    void this.#open(guest, line);
  }

  async #open(guest: Guest, line: Line): Promise<void> {
    try {
      const stream = await this.#hypervisor.channel(guest, CHANNEL_NAME);
      if (line.closed) {
        stream.destroy();
        return;
      }
      line.stream = stream;
      stream.on("data", (chunk: Buffer) => this.#heard(guest.uuid, line, chunk));
      stream.on("error", () => {}); // its close follows
      stream.once("close", () => this.#retry(guest, line));
    } catch (error) {
      // A guest without the channel does not get one while it runs.
      if (!isFailure(error, "unsupported") && !isFailure(error, "gone")) this.#retry(guest, line);
    }
  }

  #heard(uuid: string, line: Line, chunk: Buffer): void {
    line.retryMs = RETRY_MS;
    for (const message of line.reader.push(chunk, this.#clock.now())) {
      if (message.type === "beat") line.beats.push(this.#clock.now(), message);
      if (message.type === "last-words") line.lastWords = message;
      this.#onMessage(uuid, message);
    }
  }

  #retry(guest: Guest, line: Line): void {
    line.stream = undefined;
    if (line.closed) return;
    line.retry = setTimeout(() => void this.#open(guest, line), line.retryMs);
    line.retryMs = Math.min(2 * line.retryMs, RETRY_MAX_MS);
  }
}

/** What it said is kept. */
function hangUp(line: Line): void {
  line.closed = true;
  clearTimeout(line.retry);
  line.stream?.destroy();
}
