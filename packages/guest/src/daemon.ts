/** The daemon's life: rounds of checks and feeds, and its end. Feeds only while no check has failed; what follows then is decided here. */
import {
  BEAT_INTERVAL_S,
  type Beat,
  type Bye,
  type CheckReport,
  type GuestEnd,
  type GuestMessage,
  LATE_ROUND_MS,
  type LastWords,
  MAX_LINE_BYTES,
  type Mode,
  PROTOCOL_VERSION,
} from "@bernard/protocol/messages";
import { encode } from "./bytes.ts";
import { type Check, HeldCheck } from "./check.ts";
import type { Controlled } from "./control.ts";
import type { Device, Platform } from "./platform.ts";
import type { RecordKeeper } from "./record.ts";
import type { Repairs } from "./repair.ts";
import type { CheckStatus, LastReport, StatusReport } from "./status.ts";
import { VERSION } from "./version.ts";

/** What is tried, in this order, to make the device fire soon; i6300esb takes 1 s, ib700 rounds it up to 2 s. */
const SHORTEST_TIMEOUTS_S = [1, 2, 3, 5, 10];

/** Seconds that a round may be late on a busy but healthy host. */
const LATE_S = 5;

/** Of a device that refuses to be fed, every so many refusals are told. */
const FEED_ERRORS_PER_LINE = 60;

/** What a shutdown gets: as systemd's RebootWatchdogSec, or the least that an orderly one needs. */
const SHUTDOWN_S = [90, 600];

/** Milliseconds between two complaints that an end is due and not carried out. */
const SHOUT_INTERVAL = 60_000;

export interface DaemonOptions {
  readonly platform: Platform;
  readonly checks: readonly Check[];
  /** Undefined: everything is checked and told, nothing is fed. */
  readonly device: Device | undefined;
  /** Effective timeout of the device in seconds; without one, the one that is wished for. */
  readonly timeout: number;
  /** Seconds from one round to the next. */
  readonly interval: number;
  /** The kernel's boot id. */
  readonly boot: string;
  readonly mode: Mode;
  /** Seconds after boot before which nothing is ended. */
  readonly grace: number;
  /** Seconds that an orderly end may take; then the device fires. */
  readonly endDeadline: number;
  /** Seconds from SIGTERM to SIGKILL in an orderly end. */
  readonly sigtermDelay: number;
  readonly record: RecordKeeper;
  /** Asks for the configuration to be read anew. */
  readonly requestReload: () => void;
  readonly repairs: Repairs;
}

/** A failed check and what is to follow. */
interface Failure {
  readonly held: HeldCheck;
  readonly end: GuestEnd;
}

export class Daemon implements Controlled {
  readonly #platform: Platform;
  #device: Device | undefined;
  /** Of the device, in seconds. */
  #timeout: number;
  readonly #options: DaemonOptions;
  readonly #checks: readonly HeldCheck[];
  #feeds = 0;
  #fedAt = Number.NaN;
  #feedErrors = 0;
  #rounds = 0;
  #lateRounds = 0;
  /** Milliseconds, since the last beat. */
  #worstLate = 0;
  #beats = 0;
  #nextBeat = 0;
  #mutedUntil = Number.NEGATIVE_INFINITY;
  /** The check whose last words have been said. */
  #mourned: HeldCheck | undefined;
  /** The failure whose end is not carried out, as last told, and why not. */
  #spared: { readonly held: HeldCheck; readonly why: string } | undefined;
  #nextShout = 0;
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
    this.#timeout = options.timeout;
    const longestRound = (options.interval + LATE_S) * 1000;
    this.#checks = options.checks.map((check) => new HeldCheck(check, longestRound));
  }

  start(): void {
    const device = this.#device;
    const what = device === undefined ? "feeding nothing" : `feeding ${device.identity}, timeout ${this.#timeout} s`;
    const checks = this.#checks.map((held) => held.check.name).join(" ");
    const mode = this.#mode === "act" ? "" : `, mode ${this.#mode}`;
    this.#platform.log(`bernard-guest ${VERSION}: ${what}${mode}; checks: ${checks || "none"}`, true);
    this.#options.record.noteArmed(device !== undefined);
    this.#greet();
  }

  /** There was none, and now there is one, armed: from here on it is fed, and what the mode says is done. */
  takeDevice(device: Device, timeout: number): void {
    this.#device = device;
    this.#timeout = timeout;
    this.start();
  }

  /** With no device an end that hangs would leave the guest worse off: then nothing is ended. */
  get #mode(): Mode {
    return this.#device === undefined && this.#options.mode === "act" ? "observe" : this.#options.mode;
  }

  /** Until the host has taken it: a port may be late, or full. */
  #greet(): void {
    const { boot } = this.#options;
    const timeout = this.#timeout;
    const checks = this.#checks.map((held) => held.check.name);
    const device = this.#device === undefined ? null : { identity: this.#device.identity, timeout };
    const at = this.#at();
    const hello = { type: "hello", v: PROTOCOL_VERSION, version: VERSION, boot, at, device, mode: this.#mode } as const;
    this.#greeted = this.#platform.send(
      fitting([
        { ...hello, checks },
        { ...hello, checks: [] },
      ]),
    );
  }

  /**
   * One round: every check reads, then the device is fed or the guest's end begins.
   * @param late milliseconds after it was due
   */
  round(late = 0): void {
    const now = this.#platform.now();
    this.#rounds += 1;
    if (late > LATE_ROUND_MS) this.#lateRounds += 1;
    this.#worstLate = Math.max(this.#worstLate, late);
    if (this.#device !== undefined && this.#hasFired(this.#device, now)) this.#rearm(this.#device);
    if (this.#ended) return;
    let changed = false;
    for (const held of this.#checks) {
      if (!held.look(now)) continue;
      changed = true;
      const { name, verdict, reason } = held.report();
      this.#platform.log(reason === "" ? `${name}: ${verdict}` : `${name}: ${verdict}: ${reason}`, true);
    }
    this.#options.repairs.tend(this.#checks);
    this.#options.record.tend(now);
    const failure = this.#findFailure(now);
    if (failure === undefined) {
      this.#mourned = undefined;
      this.#spared = undefined;
      this.#survived = false;
    }
    const spared = failure === undefined ? "healthy" : this.#whySpared(failure, now);
    if (failure !== undefined && spared !== "" && spared !== REPAIRING) this.#tellSpared(failure, spared, now);
    if (this.#device !== undefined) {
      if (failure === undefined || spared !== "") this.#feed(this.#device, now);
      else this.#end(failure, this.#device, now);
    }
    this.#beatWhenDue(now, changed);
  }

  /** The failed check that ends the guest; a dead disk first, for an orderly end would hang on it. */
  #findFailure(now: number): Failure | undefined {
    let found: Failure | undefined;
    for (const held of this.#checks) {
      if (held.verdict !== "failed") continue;
      const { end } = held;
      if (end === "alarm" || (held.check.needsBrake && !this.#options.record.isKept)) continue;
      if (found === undefined || (end === "starve" && found.end !== "starve")) found = { held, end };
    }
    return now < this.#options.grace * 1000 ? undefined : found;
  }

  /** Why a due end is not carried out; empty when it is. */
  #whySpared({ held, end }: Failure, now: number): string {
    if (this.#mode !== "act") return `mode is ${this.#mode}`;
    if (now < this.#mutedUntil) return "muted";
    if (this.#options.record.isSpent()) return "the bite budget is spent";
    // A script would hang on a dead disk: there the end comes at once.
    if (end !== "starve" && this.#options.repairs.holdsBack(held, now)) return REPAIRING;
    return "";
  }

  /** Once for each failure, and again each minute while only the budget keeps the guest: nobody else will help it. */
  #tellSpared(failure: Failure, why: string, now: number): void {
    const { held, end } = failure;
    const before = this.#spared;
    const isNew = before?.held !== held || before.why !== why;
    if (!isNew && (now < this.#nextShout || !this.#options.record.isSpent())) return;
    this.#nextShout = now + SHOUT_INTERVAL;
    this.#spared = { held, why };
    const { name, reason } = held.report();
    this.#platform.log(`would end this guest by ${end}, but ${why}: ${name} failed: ${reason}`, true);
    if (before?.held === held) return;
    this.#options.record.noteWouldBe({ at: this.#platform.wallClock(), check: name, reason, end });
    if (this.#mode !== "observe") this.#sayLastWords(failure, false);
  }

  status(): StatusReport {
    const now = this.#platform.now();
    const device = this.#device;
    const { record, grace } = this.#options;
    return {
      version: VERSION,
      mode: this.#mode,
      device:
        device === undefined
          ? null
          : {
              identity: device.identity,
              timeout: this.#timeout,
              armed: device.isArmed() ?? "unknown",
              fed_ago_s: Number.isNaN(this.#fedAt) ? null : seconds(now - this.#fedAt),
              feeds: this.#feeds,
            },
      muted_for_s: seconds(Math.max(0, this.#mutedUntil - now)),
      grace_left_s: seconds(Math.max(0, grace * 1000 - now)),
      budget: { used: record.used(), ...record.budget },
      ended: this.#ended ? (this.#mourned?.check.name ?? "") : "",
      checks: this.#checks.map(checkStatus),
      would_fire: record.record.wouldBe,
    };
  }

  check(name: string): CheckStatus | undefined {
    const held = this.#checks.find(({ check }) => check.name === name);
    return held === undefined ? undefined : checkStatus(held);
  }

  last(): LastReport {
    return { how: this.#options.record.lastEnd, record: this.#options.record.record.last };
  }

  requestReload(): void {
    this.#options.requestReload();
  }

  /** Nothing is ended for so long. */
  mute(seconds: number): void {
    this.#mutedUntil = this.#platform.now() + seconds * 1000;
    this.#platform.log(`muted for ${Math.round(seconds)} s: nothing is ended`, true);
  }

  unmute(): void {
    this.#mutedUntil = Number.NEGATIVE_INFINITY;
    this.#platform.log("no longer muted", true);
  }

  /** Milliseconds of {@link Platform.now} until which it is muted. */
  get mutedUntil(): number {
    return this.#mutedUntil;
  }

  /**
   * The checks that are about to end the guest: with one of those the daemon does not start itself anew, which would forget how things
   * were. What only alarms may stay as it is for ever, and a new configuration or version may be what mends it.
   */
  get unhealthy(): readonly string[] {
    const unhealthy = this.#checks.filter((held) => held.verdict !== "healthy" && held.end !== "alarm");
    return unhealthy.map((held) => held.check.name);
  }

  /**
   * The guest shuts down: the device is left ticking, with time enough for that, for whoever takes it next (systemd's
   * RebootWatchdogSec), so that a shutdown that hangs still ends. One that cannot wait so long is stopped.
   */
  handOver(): void {
    const device = this.#device;
    const seconds =
      device === undefined || this.#ended ? 0 : Math.max(...SHUTDOWN_S.map((wish) => device.setTimeout(wish)));
    if (seconds < Math.min(...SHUTDOWN_S)) {
      this.stop();
      return;
    }
    device?.feed();
    this.#say({ type: "bye", v: PROTOCOL_VERSION, at: this.#at(), armed: true });
    this.#platform.log(`the guest shuts down; the watchdog fires in ${seconds} s unless somebody else feeds it`, true);
    this.#options.record.noteArmed(false); // a shutdown is nobody's bite
  }

  /** A clean stop: the device is stopped too, where the kernel lets it be. */
  stop(): void {
    const armed = this.#device !== undefined && (this.#device.unstoppable || this.#ended);
    if (!this.#ended) this.#device?.disarm();
    this.#say({ type: "bye", v: PROTOCOL_VERSION, at: this.#at(), armed });
    this.#platform.log(armed ? "stopped; the watchdog goes on ticking and will fire" : "stopped", true);
    this.#options.record.noteArmed(armed);
  }

  #feed(device: Device, now: number): void {
    const result = device.feed();
    if (result === 0) {
      this.#feeds += 1;
      this.#fedAt = now;
      this.#feedErrors = 0;
    } else if (this.#feedErrors++ % FEED_ERRORS_PER_LINE === 0) {
      this.#platform.log(`the watchdog device refuses to be fed: errno ${-result}`, true);
    }
  }

  /** They must be out before the device fires, a second after its timeout is cut. */
  #sayLastWords({ held, end }: Failure, acts: boolean): void {
    const { name: check, reason } = held.report();
    const checks = this.#reports();
    this.#say({ type: "last-words", v: PROTOCOL_VERSION, at: this.#at(), check, reason, end, acts, checks });
  }

  /** Last words, and no more feeds: whatever comes now, the device ticks behind it. */
  #end(failure: Failure, device: Device, now: number): void {
    const { held, end } = failure;
    this.#ended = true;
    if (this.#mourned !== held) this.#mourn(failure);
    if (end === "starve") this.#starve(device, now);
    else this.#finish(end, held.report(), device, now);
  }

  /** An orderly end, with its deadline kept by the device. */
  #finish(end: Exclude<GuestEnd, "starve">, { name, reason }: CheckReport, device: Device, now: number): void {
    this.#firesBy = now + (this.#options.endDeadline + LATE_S) * 1000;
    const seconds = device.setTimeout(this.#options.endDeadline);
    device.feed();
    if (seconds <= 0) this.#platform.log(`the device keeps its timeout of ${this.#timeout} s`, true);
    this.#options.record.noteEnd({ at: this.#platform.wallClock(), check: name, reason, end });
    this.#platform.endGuest(end, this.#options.sigtermDelay * 1000);
  }

  #mourn(failure: Failure): void {
    const { held, end } = failure;
    this.#mourned = held;
    this.#sayLastWords(failure, true);
    const { name, reason } = held.report();
    const lastWords = `${name} failed: ${reason}`;
    this.#platform.log(`${lastWords}; ${end === "starve" ? "feeding ends" : `${end} follows`}`, true);
    for (const { check } of this.#checks) check.recordLastWords?.(`${this.#at()} s after boot: ${lastWords}\n`);
  }

  /** The device's shortest timeout, so that it fires within seconds. */
  #starve(device: Device, now: number): void {
    this.#firesBy = now + (this.#timeout + LATE_S) * 1000;
    // Once survived, it would be survived again: then each fire takes the whole timeout, or they would come every second.
    if (this.#survived) return;
    // A pretimeout comes first, so long before the fire: what it is there for, a crash dump, would be lost.
    for (const shortest of SHORTEST_TIMEOUTS_S) {
      const seconds = device.pretimeout + shortest;
      if (seconds >= this.#timeout || device.setTimeout(seconds) > 0) return;
    }
  }

  /** It has fired and we live: action none, inject-nmi, shutdown, or a resume after pause or dump. */
  #hasFired(device: Device, now: number): boolean {
    const armed = device.isArmed();
    return armed === undefined ? this.#ended && now > this.#firesBy : !armed;
  }

  /** A device that has fired is dead and takes feeds all the same: it is started anew, and whatever still fails ends the feeding anew. */
  #rearm(device: Device): void {
    const timeout = device.rearm(this.#timeout);
    const armed = device.isArmed() ?? timeout > 0;
    const what = armed ? `armed anew, timeout ${timeout} s` : "NOT PROTECTED: it does not start anew";
    // Each round tries again, but says so only when something has changed.
    if (armed || !this.#unprotected)
      this.#platform.log(
        `the watchdog device ticks no more: it fired and the guest lives on, or the guest slept; ${what}`,
        true,
      );
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
      rounds: this.#rounds,
      late_rounds: this.#lateRounds,
      worst_late_ms: Math.round(this.#worstLate * 10) / 10,
      checks: this.#reports(),
    });
    this.#worstLate = 0;
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

const REPAIRING = "a repair runs";

function checkStatus(held: HeldCheck): CheckStatus {
  return { ...held.report(), limit: held.check.limit ?? "", hold_s: held.hold, end: held.end };
}

/** Milliseconds as seconds, to the tenth. */
function seconds(ms: number): number {
  return Math.round(ms / 100) / 10;
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
