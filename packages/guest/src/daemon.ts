/** The daemon's life: rounds of checks and feeds, and its end. Feeds only while no check has failed; when one has, ends feeding fast. */
import { BEAT_INTERVAL_S, type CheckReport, type GuestMessage, PROTOCOL_VERSION } from "@bernard/protocol/messages";
import { type Check, HeldCheck } from "./check.ts";
import type { Device, Platform } from "./platform.ts";
import { VERSION } from "./version.ts";

/** What is tried, in this order, to make the device fire soon; i6300esb takes 1 s, ib700 rounds it up to 2 s. */
const SHORTEST_TIMEOUTS_S = [1, 2, 3, 5, 10];

export interface DaemonOptions {
  readonly platform: Platform;
  readonly checks: readonly Check[];
  /** Undefined: everything is checked and told, nothing is fed. */
  readonly device: Device | undefined;
  /** Effective timeout of the device in seconds. */
  readonly timeout: number;
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
  #ended = false;

  constructor(options: DaemonOptions) {
    this.#options = options;
    this.#platform = options.platform;
    this.#device = options.device;
    this.#checks = options.checks.map((check) => new HeldCheck(check));
  }

  start(): void {
    const { boot, timeout } = this.#options;
    const checks = this.#checks.map((held) => held.check.name);
    const device = this.#device === undefined ? null : { identity: this.#device.identity, timeout };
    const what = device === null ? "feeding nothing" : `feeding ${device.identity}, timeout ${timeout} s`;
    this.#platform.log(`bernard-guest ${VERSION}: ${what}; checks: ${checks.join(" ") || "none"}`, true);
    this.#say({ type: "hello", v: PROTOCOL_VERSION, version: VERSION, boot, at: this.#at(), device, checks });
  }

  /** One round: every check reads, then the device is fed or feeding ends. */
  round(): void {
    if (this.#ended) return;
    const now = this.#platform.now();
    let changed = false;
    for (const held of this.#checks) {
      if (!held.look(now)) continue;
      changed = true;
      const { name, verdict, reason } = held.report();
      this.#platform.log(reason === "" ? `${name}: ${verdict}` : `${name}: ${verdict}: ${reason}`, true);
    }
    const failed = this.#checks.find((held) => held.verdict === "failed");
    if (failed === undefined) this.#feed();
    else this.#end(failed.report());
    if (changed || now >= this.#nextBeat) this.#beat(now);
  }

  /** A clean stop: the device is stopped too, where the kernel lets it be. */
  stop(): void {
    const armed = this.#device !== undefined && (this.#device.unstoppable || this.#ended);
    if (!this.#ended) this.#device?.disarm();
    this.#say({ type: "bye", v: PROTOCOL_VERSION, at: this.#at(), armed });
    this.#platform.log(armed ? "stopped; the watchdog goes on ticking and will fire" : "stopped", true);
  }

  #feed(): void {
    const result = this.#device?.feed() ?? 0;
    if (result === 0) {
      this.#feeds += 1;
      this.#feedErrors = 0;
    } else if (this.#feedErrors++ === 0)
      this.#platform.log(`the watchdog device refuses to be fed: errno ${-result}`, true);
  }

  /** Last words first, for they must be out before the device fires, a second after the timeout is cut. */
  #end(failed: CheckReport): void {
    this.#ended = true;
    const { name: check, reason } = failed;
    const checks = this.#reports();
    const lastWords = `${check} failed: ${reason}`;
    this.#say({ type: "last-words", v: PROTOCOL_VERSION, at: this.#at(), check, reason, checks });
    this.#platform.log(`${lastWords}; feeding ends`, true);
    for (const held of this.#checks) held.check.recordLastWords?.(`${this.#at()} s after boot: ${lastWords}\n`);
    if (this.#device === undefined) return;
    for (const seconds of SHORTEST_TIMEOUTS_S) {
      if (seconds >= this.#options.timeout) break;
      const effective = this.#device.setTimeout(seconds);
      if (effective > 0) break;
    }
  }

  #beat(now: number): void {
    this.#beats += 1;
    // The second follows the first at once: by then the probes have answered, and the host knows what is writable.
    this.#nextBeat = this.#beats === 1 ? now : now + BEAT_INTERVAL_S * 1000;
    const feeds = this.#device === undefined ? 0 : this.#feeds;
    this.#say({ type: "beat", v: PROTOCOL_VERSION, at: this.#at(), seq: this.#beats, feeds, checks: this.#reports() });
  }

  #reports(): CheckReport[] {
    return this.#checks.map((held) => held.report());
  }

  #say(message: GuestMessage): void {
    this.#platform.send(`${JSON.stringify(message)}\n`);
  }

  /** Seconds since boot, to the millisecond. */
  #at(): number {
    return Math.round(this.#platform.now()) / 1000;
  }
}
