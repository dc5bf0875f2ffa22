/** One file system that must take writes: probed in a child, and judged by what the probe and cheap signs say. */
import { numberAt } from "../../bytes.ts";
import type { Check, Reading, Signs, Use } from "../../check.ts";
import type { End } from "../../end.ts";
import { FROZEN_MARK } from "../../freeze.ts";
import { isShutDown, type Mount, MountSearch } from "../../kernel/mountinfo.ts";
import type { Platform, Probe, ProbeAnswer, RunningJob } from "../../platform.ts";
import { BlockDevice } from "./block-device.ts";
import { isForeign } from "./points.ts";
import { Storage } from "./storage.ts";

/** A probe that is out for longer (ms) is looked at: a healthy disk under load needs seconds at worst. */
const PATIENCE = 5000;

/** Milliseconds from one probe to the next that the kernel's messages may ask for: they may be about another disk. */
const SIGN_INTERVAL = 5000;

/** Milliseconds from one look at the block device's state to the next. */
const STATE_INTERVAL = 5000;

/** Milliseconds that a thaw of ours may take to be of use. */
const THAW_PATIENCE = 30_000;

/** Where a probe sleeps that somebody has stopped (SIGSTOP, a debugger): its silence says nothing of the disk. */
const STOPPED = ["do_signal_stop", "ptrace_stop"];

const EIO = 5;

/** ENOSPC, EDQUOT: what takes no more for want of room takes writes. */
const FULL = [28, 122];

/** What a dead device or file system says, by errno; whatever else (ENOSPC, EDQUOT, EACCES, ENOMEM...) is another story. */
const REFUSALS: Readonly<Record<number, string>> = {
  5: "EIO",
  6: "ENXIO",
  19: "ENODEV",
  30: "EROFS",
  74: "EBADMSG",
  108: "ESHUTDOWN",
  110: "ETIMEDOUT",
  117: "EUCLEAN",
  121: "EREMOTEIO",
};

export interface DiskLimits {
  /** Times are in milliseconds. */
  readonly hold: number;
  readonly probeInterval: number;
  readonly hangHold: number;
  readonly freezeLimit: number;
  readonly storageWait: number;
  /** `auto`: by what kind of file system it is. */
  readonly end: End | "auto";
  /** Whether the state directory, and with it the file for the last words, lies on this file system. */
  readonly keepsLastWords: boolean;
}

/** A trouble; `since` is when it began (ms). */
interface Trouble {
  readonly reason: string;
  readonly since: number;
  readonly hold: number;
}

export class DiskCheck implements Check {
  readonly name: string;
  readonly end: End;
  readonly code = EIO;
  readonly needsBrake = true;
  readonly #point: string;
  readonly #limits: DiskLimits;
  readonly #platform: Platform;
  readonly #signs: Signs;
  readonly #probe: Probe;
  #starting = true;
  #mount: Mount | undefined;
  #device: BlockDevice | undefined;
  #storage: Storage | undefined;
  #alarmsOnly = false;
  /** What was last seen to be wrong with the device, and when (ms) that was looked for. */
  #ails = "";
  #ailsAt = Number.NEGATIVE_INFINITY;
  #errorsFile: string | undefined;
  #errorsAtStart = Number.NaN;
  #errorsAtProbe = Number.NaN;
  #signsAtProbe: number;
  #lastAsked = Number.NEGATIVE_INFINITY;
  #answer: ProbeAnswer | undefined;
  /** The answer that a write was refused. Only a write that succeeds ends it: ENOMEM or ENOSPC after EROFS say nothing of the disk. */
  #refusal: ProbeAnswer | undefined;
  #refusedSince = 0;
  /** When (ms) a question that is out was last known to wait for a good reason; a hang is counted from there. */
  #excusedAt = Number.NEGATIVE_INFINITY;
  #frozen = false;
  #thaw: { readonly at: number; readonly job: RunningJob } | undefined;
  /** A single look has no start to compare with: it expects what the configuration says, mounted and taking writes. */
  readonly #expectsAll: boolean;
  #wasWritable: boolean;
  /** What has been said of this file system once, and need not be said each round. */
  readonly #said = new Set<string>();

  constructor(point: string, limits: DiskLimits, platform: Platform, signs: Signs, use: Use) {
    this.name = `disk:${point}`;
    this.end = limits.end === "auto" ? "starve" : limits.end;
    this.#point = point;
    this.#limits = limits;
    this.#platform = platform;
    this.#signs = signs;
    this.#signsAtProbe = signs.disk;
    this.#expectsAll = use === "once";
    this.#wasWritable = this.#expectsAll;
    this.#probe = platform.startProbe(point);
    this.#lookUpMount();
    this.#starting = false;
    if (this.#mount === undefined) this.#sayOnce(`${this.#unmounted()}; not watched until something is`);
  }

  read(now: number): Reading {
    const errors = this.#countErrors();
    this.#takeAnswer(this.#probe.take(), now);
    this.#askWhenDue(now, errors);
    const risen = errors - this.#errorsAtStart;
    const waiting = this.#probe.askedAt === undefined ? 0 : Math.round((now - this.#probe.askedAt) / 1000);
    this.#frozen = false;
    const trouble = this.#judgeHang(now) ?? this.#judgeRefusal(now, errors);
    const { reason, ...held } = this.#judgeStorage(now, trouble) ?? { reason: "" };
    const readings = {
      writable: this.#answer === undefined ? -1 : Number(this.#answer.errno === 0),
      waiting_s: waiting,
      frozen: Number(this.#frozen),
      ...(this.#storage === undefined ? {} : { readable: this.#storage.readable }),
      ...(Number.isNaN(risen) ? {} : { errors_risen: risen }),
    };
    return { reason, readings, ...held, ...(this.#alarmsOnly ? { end: "alarm" } : {}) };
  }

  #takeAnswer(answer: ProbeAnswer | undefined, now: number): void {
    if (answer === undefined) return;
    this.#answer = answer;
    this.#thaw = undefined;
    const { errno, step } = answer;
    const isRefused = errno in REFUSALS;
    if (errno === 0) this.#refusal = undefined;
    if (errno === 0 || FULL.includes(errno)) this.#wasWritable = true;
    else if (isRefused) {
      if (this.#refusal === undefined) this.#refusedSince = now;
      this.#refusal = answer;
    }
    if (this.#wasWritable) return;
    const how = `(errno ${errno} at ${step})`;
    this.#sayOnce(
      isRefused
        ? `${this.#point} has taken no write since start ${how}: taken for intent`
        : `no write to ${this.#point} could be tried yet ${how}`,
    );
  }

  /** A question out for too long: hung, or frozen, which is forgiven up to a limit. */
  #judgeHang(now: number): Trouble | "none" | undefined {
    const askedAt = this.#probe.askedAt;
    if (askedAt === undefined || now - askedAt < PATIENCE) return undefined;
    const asleep = this.#probe.sleepingIn();
    this.#frozen = asleep.startsWith("percpu_rwsem") || this.#platform.readFile(FROZEN_MARK) !== undefined;
    if (this.#frozen && now - askedAt >= this.#limits.freezeLimit) return this.#judgeFreeze(now, askedAt);
    if (this.#frozen || STOPPED.includes(asleep)) this.#excusedAt = now;
    // After a thaw the write has a hold time of its own: the time in the freeze was no hang.
    const since = Math.max(askedAt, this.#excusedAt);
    if (now - since < PATIENCE) return "none";
    const where = asleep === "" ? "" : ` in ${asleep}`;
    const seconds = Math.round((now - askedAt) / 1000);
    return {
      reason: `a write to ${this.#point} hangs for ${seconds} s${where}${this.#explainDevice()}`,
      hold: this.#limits.hangHold,
      since,
    };
  }

  /** Whoever froze it has forgotten it, or died: thawed first, and only when that does not help has it failed. */
  #judgeFreeze(now: number, askedAt: number): Trouble {
    this.#thaw ??= { at: now, job: this.#platform.startJob(["thaw", this.#point], THAW_PATIENCE) };
    const { at, job } = this.#thaw;
    const seconds = Math.round((now - askedAt) / 1000);
    const status = job.outcome?.status ?? 0;
    const how = status === 0 ? "thawing it" : `and cannot be thawed (errno ${status})`;
    return { reason: `${this.#point} is frozen for ${seconds} s, ${how}`, hold: THAW_PATIENCE, since: at };
  }

  #judgeRefusal(now: number, errors: number): Trouble | "none" {
    if (this.#mount === undefined) {
      return this.#expectsAll ? { reason: this.#unmounted(), hold: 0, since: now } : "none";
    }
    if (this.#refusal === undefined || !this.#wasWritable || this.#mount.readOnlyByIntent) return "none";
    const { errno, step } = this.#refusal;
    const count = errors > this.#errorsAtStart ? `, errors_count ${this.#errorsAtStart} -> ${errors}` : "";
    const certain = count !== "" || this.#isGivenUp(this.#mount);
    const mounted = `mounted ${this.#mount.flags}${this.#explainDevice()}`;
    const reason = `${this.#point} refuses writes: ${REFUSALS[errno]} at ${step}${count}; ${mounted}`;
    return { reason, hold: certain ? 0 : this.#limits.hold, since: this.#refusedSince };
  }

  /** The kernel has shut the file system down, and said so. */
  #isGivenUp(mount: Mount): boolean {
    return isShutDown(mount) || this.#signs.shutDown?.includes(this.#device?.name ?? "") === true;
  }

  #explainDevice(): string {
    return this.#ails === "" ? "" : `; ${this.#ails}`;
  }

  /** Not failed while the storage is down: with it back, it may be well again. A freeze is nobody's storage. */
  #judgeStorage(now: number, trouble: Trouble | "none"): Trouble | undefined {
    if (trouble === "none" || this.#frozen) {
      this.#storage?.rest(now);
      return trouble === "none" ? undefined : trouble;
    }
    const { reason, hold, since } = trouble;
    const outlook = this.#storage?.judge(now, since + hold);
    if (outlook === undefined) return trouble;
    const because = outlook.because === "" ? "" : `; ${outlook.because}`;
    return { reason: `${reason}${because}`, since, hold: outlook.failsAt - since };
  }

  /** Whether the block device has just become read-only, or was given up. */
  #hasFallenIll(now: number): boolean {
    if (now - this.#ailsAt < STATE_INTERVAL) return false;
    this.#ailsAt = now;
    const before = this.#ails;
    this.#ails = this.#device?.ailsNow() ?? "";
    return this.#ails !== "" && this.#ails !== before;
  }

  /**
   * A new question at start, at each interval, at once when errors were counted, the device has fallen ill or the kernel complains of a
   * disk, and each round while the last one was refused.
   */
  #askWhenDue(now: number, errors: number): void {
    if (this.#probe.askedAt !== undefined) return;
    const since = now - this.#lastAsked;
    const suspicious =
      errors > this.#errorsAtProbe ||
      this.#refusal !== undefined ||
      this.#hasFallenIll(now) ||
      (this.#signs.disk !== this.#signsAtProbe && since >= SIGN_INTERVAL);
    if (!suspicious && since < this.#limits.probeInterval) return;
    this.#lookUpMount();
    // Unmounted: a probe would write to the file system below.
    const asked = this.#mount === undefined || this.#probe.ask();
    if (!asked) this.#sayOnce(`no process to try ${this.#point} with can be started; trying on`);
    this.#lastAsked = now;
    this.#errorsAtProbe = errors;
    this.#signsAtProbe = this.#signs.disk;
  }

  /** Finds what is mounted now; another file system than before, or none, starts afresh. */
  #lookUpMount(): void {
    const search = new MountSearch(this.#point);
    if (!this.#platform.readChunks("/proc/self/mountinfo", (chunk) => search.take(chunk))) return; // no news is no unmount
    const mount = search.found;
    const before = this.#mount?.device;
    this.#mount = mount;
    if (mount?.device === before) return;
    this.#answer = undefined;
    this.#refusal = undefined;
    this.#wasWritable = this.#expectsAll;
    this.#takeDevice(mount);
    if (this.#starting) return;
    this.#platform.log(`${this.#point}: ${mount === undefined ? "unmounted" : "mounted anew"}`, true);
  }

  #takeDevice(mount: Mount | undefined): void {
    const device = mount === undefined ? undefined : BlockDevice.under(mount, this.#platform);
    this.#device = device;
    this.#storage =
      device === undefined || this.#expectsAll
        ? undefined
        : new Storage(device.name, this.#limits.storageWait, this.#platform);
    const foreign = mount !== undefined && (isForeign(this.#point, mount.type) || device?.isRemovable === true);
    this.#alarmsOnly = foreign && this.#limits.end === "auto";
    this.#errorsFile = device === undefined ? undefined : `/sys/fs/ext4/${device.name}/errors_count`;
    this.#errorsAtStart = this.#countErrors();
    this.#errorsAtProbe = this.#errorsAtStart;
  }

  #sayOnce(line: string): void {
    if (!this.#said.has(line) && !this.#expectsAll) this.#platform.log(`warning: ${line}`, true);
    this.#said.add(line);
  }

  #countErrors(): number {
    const text = this.#errorsFile === undefined ? undefined : this.#platform.readFile(this.#errorsFile);
    return text === undefined ? Number.NaN : numberAt(text, 0);
  }

  #unmounted(): string {
    return `nothing is mounted at ${this.#point}`;
  }

  recordLastWords(words: string): void {
    if (this.#limits.keepsLastWords) this.#probe.record(words);
  }
}
