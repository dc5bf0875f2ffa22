/** Listens to the daemons in guests, and keeps what they have said last. */
import type { Guest, Hypervisor } from "@bernard/hypervisor";
import { CHANNEL_NAME, ChannelReader, type Dropped, type GuestMessage } from "@bernard/protocol";
import { BeatRing } from "./beat-ring.ts";
import type { Clock } from "./clock.ts";
import { GuestStreams } from "./guest-streams.ts";

/** Milliseconds until a channel that could not be opened, or was lost, is tried again: at first, and at most. */
const RETRY_MS = 1_000;
const RETRY_MAX_MS = 60_000;

/** What is known of a guest by its own words. */
interface Said {
  readonly beats: BeatRing;
  readonly reader: ChannelReader;
  lastWords: GuestMessage | undefined;
}

export class GuestChannels {
  readonly #isOn: boolean;
  readonly #streams: GuestStreams<Said>;

  constructor(hypervisor: Hypervisor, clock: Clock, onMessage: (uuid: string, message: GuestMessage) => void) {
    this.#isOn = hypervisor.abilities.has("channel");
    this.#streams = new GuestStreams<Said>({
      open: (guest) => hypervisor.channel(guest, CHANNEL_NAME),
      begin: () => ({ beats: new BeatRing(), reader: new ChannelReader(), lastWords: undefined }),
      read(uuid, said, chunk) {
        for (const message of said.reader.push(chunk, clock.now())) {
          if (message.type === "beat") said.beats.push(clock.now(), message);
          if (message.type === "last-words") said.lastWords = message;
          onMessage(uuid, message);
        }
      },
      retryMs: RETRY_MS,
      retryMaxMs: RETRY_MAX_MS,
    });
  }

  /** The guest is in this state now. */
  follow(guest: Guest): void {
    if (this.#isOn) this.#streams.follow(guest);
  }

  /** The guest is not there any more. */
  forget(uuid: string): void {
    this.#streams.forget(uuid);
  }

  /** What the guest has said of itself in its last run, for evidence; undefined where it was never listened to. */
  said(
    uuid: string,
  ): { readonly beats: BeatRing; readonly lastWords: GuestMessage | undefined; readonly dropped: Dropped } | undefined {
    const said = this.#streams.kept(uuid);
    return said && { beats: said.beats, lastWords: said.lastWords, dropped: said.reader.dropped };
  }

  close(): void {
    this.#streams.close();
  }
}
