/** The daemon's life: rounds of checks and feeds, and its end. Feeds only while no check has failed; when one has, ends feeding fast. */
import {
  BEAT_INTERVAL_S,
  type Beat,
  type Bye,
  type CheckReport,
  type GuestMessage,
  type LastWords,
  MAX_LINE_BYTES,
  PROTOCOL_VERSION,
} from "@bernard/protocol/messages";
import { encode } from "./bytes.ts";
import { type Check, HeldCheck } from "./check.ts";
import type { Device, Platform } from "./platform.ts";
import { VERSION } from "./version.ts";

/** What is tried, in this order, to make the device fire soon; i6300esb takes 1 s, ib700 rounds it up to 2 s. */
const SHORTEST_TIMEOUTS_S = [1, 2, 3, 5, 10];

/** Seconds that a round may be late on a busy but healthy host. */
const LATE_S = 5;

/** Of a device that refuses to be fed, every so many refusals are told. */
const FEED_ERRORS_PER_LINE = 60;

export interface DaemonOptions {
  readonly platform: Platform;
  readonly checks: readonly Check[];
  /** Undefined: everything is checked and told, nothing is fed. */
  readonly device: Device | undefined;
  /** Effective timeout of the device in seconds. */
  readonly timeout: number;
  /** Seconds from one round to the next. */
  readonly interval: number;
  /** The kernel's boot id. */
  readonly boot: string;
}

export class Daemon {
  readonly #platform: Platform;
  readonly #device: Device | undefined;
  readonly #options: DaemonOptions;
  readonly #checks: readonly HeldCheck[];
  #feeds = 0;
  #feedErrors = 0;
  #beats = 0;
  #nextBeat = 0;
  /** A check has failed; what that means for the feeding is for {@link round}. */
  #failed = false;
  #ended = false;
  /** When (ms) an unfed device has surely fired, the host's delays included. */
  #firesBy = 0;
  #survived = false;
  #unprotected = false;
  #greeted = false;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#platform = options.platform;
    this.#device = options.device;
    const longestRound = (options.interval + LATE_S) * 1000;
    this.#checks = options.checks.map((check) => new HeldCheck(check, longestRound));
  }

  start(): void {
    const device = this.#device;
    const what =
      device === undefined ? "feeding nothing" : `feeding ${device.identity}, timeout ${this.#options.timeout} s`;
    const checks = this.#checks.map((held) => held.check.name).join(" ");
    this.#platform.log(`bernard-guest ${VERSION}: ${what}; checks: ${checks || "none"}`, true);
    this.#greet();
  }

  /** Until the host has taken it: a port may be late, or full. */
  #greet(): void {
    const { boot, timeout } = this.#options;
    const checks = this.#checks.map((held) => held.check.name);
    const device = this.#device === undefined ? null : { identity: this.#device.identity, timeout };
    const hello = { type: "hello", v: PROTOCOL_VERSION, version: VERSION, boot, at: this.#at(), device } as const;
    this.#greeted = this.#platform.send(
      fitting([
        { ...hello, checks },
        { ...hello, checks: [] },
      ]),
    );
  }

  /** One round: every check reads, then the device is fed or feeding ends. */
  round(): void {
    const now = this.#platform.now();
    if (this.#device !== undefined && this.#hasFired(this.#device, now)) this.#rearm(this.#device);
    if (this.#ended) return;
    let changed = false;
    for (const held of this.#checks) {
      if (!held.look(now)) continue;
      changed = true;
      const { name, verdict, reason } = held.report();
      this.#platform.log(reason === "" ? `${name}: ${verdict}` : `${name}: ${verdict}: ${reason}`, true);
    }
    const failed = this.#checks.find((held) => held.verdict === "failed")?.report();
    if (failed !== undefined && !this.#failed) this.#sayLastWords(failed);
    this.#failed = failed !== undefined;
    if (!this.#failed) this.#survived = false;
    if (this.#device !== undefined) {
      if (this.#failed) this.#end(this.#device, now);
      else this.#feed(this.#device);
    }
    this.#beatWhenDue(now, changed);
  }

  /** A clean stop: the device is stopped too, where the kernel lets it be. */
  stop(): void {
    const armed = this.#device !== undefined && (this.#device.unstoppable || this.#ended);
    if (!this.#ended) this.#device?.disarm();
    this.#say({ type: "bye", v: PROTOCOL_VERSION, at: this.#at(), armed });
    this.#platform.log(armed ? "stopped; the watchdog goes on ticking and will fire" : "stopped", true);
  }

  #feed(device: Device): void {
    const result = device.feed();
    if (result === 0) {
      this.#feeds += 1;
      this.#feedErrors = 0;
    } else if (this.#feedErrors++ % FEED_ERRORS_PER_LINE === 0) {
      this.#platform.log(`the watchdog device refuses to be fed: errno ${-result}`, true);
    }
  }

  /** They must be out before the device fires, a second after its timeout is cut. */
  #sayLastWords({ name: check, reason }: CheckReport): void {
    const checks = this.#reports();
    const lastWords = `${check} failed: ${reason}`;
    this.#say({ type: "last-words", v: PROTOCOL_VERSION, at: this.#at(), check, reason, checks });
    this.#platform.log(
      `${lastWords}; ${this.#device === undefined ? "there is no feeding to end" : "feeding ends"}`,
      true,
    );
    for (const held of this.#checks) held.check.recordLastWords?.(`${this.#at()} s after boot: ${lastWords}\n`);
  }

  /** No more feeds, and the device's shortest timeout, so that it fires within seconds. */
  #end(device: Device, now: number): void {
    this.#ended = true;
    this.#firesBy = now + (this.#options.timeout + LATE_S) * 1000;
    // Once survived, it would be survived again: then each fire takes the whole timeout, or they would come every second.
    if (this.#survived) return;
    for (const seconds of SHORTEST_TIMEOUTS_S) {
      if (seconds >= this.#options.timeout || device.setTimeout(seconds) > 0) return;
    }
  }

  /** It has fired and we live: action none, inject-nmi, shutdown, or a resume after pause or dump. */
  #hasFired(device: Device, now: number): boolean {
    const armed = device.isArmed();
    return armed === undefined ? this.#ended && now > this.#firesBy : !armed;
  }

  /** A device that has fired is dead and takes feeds all the same: it is started anew, and whatever still fails ends the feeding anew. */
  #rearm(device: Device): void {
    const timeout = device.rearm(this.#options.timeout);
    const armed = device.isArmed() ?? timeout > 0;
    const what = armed ? `armed anew, timeout ${timeout} s` : "NOT PROTECTED: it does not start anew";
    // Each round tries again, but says so only when something has changed.
    if (armed || !this.#unprotected)
      this.#platform.log(`the watchdog device has fired and the guest lives on; ${what}`, true);
    this.#unprotected = !armed;
    this.#survived = true;
    this.#ended = false;
  }

  #beatWhenDue(now: number, changed: boolean): void {
    if (!changed && now < this.#nextBeat) return;
    this.#beats += 1;
    // The second follows the first at once: by then the probes have answered, and the host knows what is writable.
    this.#nextBeat = this.#beats === 1 ? now : now + BEAT_INTERVAL_S * 1000;
    this.#say({
      type: "beat",
      v: PROTOCOL_VERSION,
      at: this.#at(),
      seq: this.#beats,
      feeds: this.#feeds,
      checks: this.#reports(),
    });
  }

  #reports(): CheckReport[] {
    return this.#checks.map((held) => held.report());
  }

  #say(message: Beat | LastWords | Bye): void {
    if (!this.#greeted) this.#greet();
    if (message.type === "bye") this.#platform.send(fitting([message]));
    else {
      const ill = message.checks.filter((check) => check.verdict !== "healthy");
      this.#platform.send(fitting([message, { ...message, checks: ill }, { ...message, checks: [] }]));
    }
  }

  /** Seconds since boot, to the millisecond. */
  #at(): number {
    return Math.round(this.#platform.now()) / 1000;
  }
}

/** The line of the first message that the host would take: a guest with very many or very long names says less rather than nothing. */
function fitting(messages: readonly GuestMessage[]): string {
  let line = "";
  for (const message of messages) {
    line = `${JSON.stringify(message)}\n`;
    if (line.length * 3 <= MAX_LINE_BYTES || encode(line).length <= MAX_LINE_BYTES) break;
  }
  return line;
}
