/**
 * A file system no longer writes: it refuses, or it hangs.
 *
 * Only a real create + write + fsync tells. On kernels 6.1 and 6.12 an ext4 in error state still shows `rw` and statvfs
 * calls it writable; mount flags only explain. The probe runs in a child, rarely, and at once when a cheap sign asks for it:
 * ext4's errors_count in sysfs, read each round, and compared with its value at start, for the count survives a reset.
 *
 * Not failures: read-only by intent (never writable since start, or an administrator's remount, which sets the mount's own
 * flag), a full disk (a reset frees nothing), a killed probe (it is forked anew), and a freeze for a backup: the probe then
 * sleeps in percpu_rwsem_wait, or qemu-ga has left its mark, while on a dead device it sleeps in the journal or the device.
 */
import { numberAt } from "../bytes.ts";
import { type Check, type CheckKind, endKey, type Reading, type Use } from "../check.ts";
import type { End } from "../end.ts";
import { type Mount, MountSearch } from "../mountinfo.ts";
import type { Platform, Probe, ProbeAnswer } from "../platform.ts";

/** A probe that is out for longer (ms) is looked at: a healthy disk under load needs seconds at worst. */
const PATIENCE = 5000;

/** qemu-ga makes this file while it holds the guest's file systems frozen. */
const FROZEN_MARK = "/run/qga.state.isfrozen";

/** Where a probe sleeps that somebody has stopped (SIGSTOP, a debugger): its silence says nothing of the disk. */
const STOPPED = ["do_signal_stop", "ptrace_stop"];

const EIO = 5;

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

interface DiskLimits {
  /** Times are in milliseconds. */
  readonly hold: number;
  readonly probeInterval: number;
  readonly hangHold: number;
  readonly freezeLimit: number;
  readonly end: End;
  /** Whether the state directory, and with it the file for the last words, lies on this file system. */
  readonly keepsLastWords: boolean;
}

type Judgement = Omit<Reading, "readings"> & { readonly frozen?: boolean };

class DiskCheck implements Check {
  readonly name: string;
  readonly end: End;
  readonly code = EIO;
  readonly needsBrake = true;
  readonly #point: string;
  readonly #limits: DiskLimits;
  readonly #platform: Platform;
  readonly #probe: Probe;
  #starting = true;
  #mount: Mount | undefined;
  #errorsFile: string | undefined;
  #errorsAtStart = Number.NaN;
  #errorsAtProbe = Number.NaN;
  #lastAsked = Number.NEGATIVE_INFINITY;
  #answer: ProbeAnswer | undefined;
  /** The answer that a write was refused. Only a write that succeeds ends it: ENOMEM or ENOSPC after EROFS say nothing of the disk. */
  #refusal: ProbeAnswer | undefined;
  /** When (ms) a question that is out was last known to wait for a good reason; a hang is counted from there. */
  #excusedAt = Number.NEGATIVE_INFINITY;
  /** A single look has no start to compare with: it expects what the configuration says, mounted and taking writes. */
  readonly #expectsAll: boolean;
  #wasWritable: boolean;
  /** What has been said of this file system once, and need not be said each round. */
  readonly #said = new Set<string>();

  constructor(point: string, limits: DiskLimits, platform: Platform, use: Use) {
    this.name = `disk:${point}`;
    this.end = limits.end;
    this.#point = point;
    this.#limits = limits;
    this.#platform = platform;
    this.#expectsAll = use === "once";
    this.#wasWritable = this.#expectsAll;
    this.#probe = platform.startProbe(point);
    this.#lookUpMount();
    this.#starting = false;
    if (this.#mount === undefined) this.#sayOnce(`${this.#unmounted()}; not watched until something is`);
  }

  read(now: number): Reading {
    const errors = this.#countErrors();
    this.#takeAnswer(this.#probe.take());
    this.#askWhenDue(now, errors);
    const risen = errors - this.#errorsAtStart;
    const waiting = this.#probe.askedAt === undefined ? 0 : Math.round((now - this.#probe.askedAt) / 1000);
    const { reason, frozen, ...held } = this.#judgeHang(now) ?? this.#judgeRefusal(errors);
    const readings = {
      writable: this.#answer === undefined ? -1 : Number(this.#answer.errno === 0),
      waiting_s: waiting,
      frozen: Number(frozen ?? false),
      ...(Number.isNaN(risen) ? {} : { errors_risen: risen }),
    };
    return { reason, readings, ...held };
  }

  #takeAnswer(answer: ProbeAnswer | undefined): void {
    if (answer === undefined) return;
    this.#answer = answer;
    if (answer.errno === 0) {
      this.#wasWritable = true;
      this.#refusal = undefined;
    } else if (answer.errno in REFUSALS) this.#refusal = answer;
    if (answer.errno !== 0 && !this.#wasWritable) {
      this.#sayOnce(
        `${this.#point} has taken no write since start (errno ${answer.errno} at ${answer.step}): taken for intent`,
      );
    }
  }

  /** A question out for too long: hung, or frozen, which is forgiven up to a limit. */
  #judgeHang(now: number): Judgement | undefined {
    const askedAt = this.#probe.askedAt;
    if (askedAt === undefined || now - askedAt < PATIENCE) return undefined;
    const asleep = this.#probe.sleepingIn();
    const frozen = asleep.startsWith("percpu_rwsem") || this.#platform.readFile(FROZEN_MARK) !== undefined;
    const seconds = Math.round((now - askedAt) / 1000);
    if (frozen && now - askedAt >= this.#limits.freezeLimit) {
      return { reason: `${this.#point} is frozen for ${seconds} s`, frozen, hold: 0, since: askedAt };
    }
    if (frozen || STOPPED.includes(asleep)) this.#excusedAt = now;
    // After a thaw the write has a hold time of its own: the time in the freeze was no hang.
    const since = Math.max(askedAt, this.#excusedAt);
    if (now - since < PATIENCE) return { reason: "", frozen };
    const where = asleep === "" ? "" : ` in ${asleep}`;
    return { reason: `a write to ${this.#point} hangs for ${seconds} s${where}`, hold: this.#limits.hangHold, since };
  }

  #judgeRefusal(errors: number): Judgement {
    if (this.#mount === undefined && this.#expectsAll) return { reason: this.#unmounted() };
    if (
      this.#refusal === undefined ||
      !this.#wasWritable ||
      this.#mount === undefined ||
      this.#mount.readOnlyByIntent
    ) {
      return { reason: "" };
    }
    const { errno, step } = this.#refusal;
    const count = errors > this.#errorsAtStart ? `, errors_count ${this.#errorsAtStart} -> ${errors}` : "";
    const reason = `${this.#point} refuses writes: ${REFUSALS[errno]} at ${step}${count}; mounted ${this.#mount.flags}`;
    return { reason, hold: this.#limits.hold };
  }

  /** A new question at start, at each interval, at once when errors were counted, and each round while the last one was refused. */
  #askWhenDue(now: number, errors: number): void {
    if (this.#probe.askedAt !== undefined) return;
    const suspicious = errors > this.#errorsAtProbe || this.#refusal !== undefined;
    if (!suspicious && now - this.#lastAsked < this.#limits.probeInterval) return;
    this.#lookUpMount();
    // Unmounted: a probe would write to the file system below.
    const asked = this.#mount === undefined || this.#probe.ask();
    if (!asked) this.#sayOnce(`no process to try ${this.#point} with can be started; trying on`);
    else {
      this.#lastAsked = now;
      this.#errorsAtProbe = errors;
    }
  }

  /** Finds what is mounted now; another file system than before, or none, starts afresh. */
  #lookUpMount(): void {
    const search = new MountSearch(this.#point);
    if (!this.#platform.readChunks("/proc/self/mountinfo", search.take)) return; // no news is no unmount
    const mount = search.found;
    const before = this.#mount?.device;
    this.#mount = mount;
    if (mount?.device === before) return;
    this.#answer = undefined;
    this.#refusal = undefined;
    this.#wasWritable = this.#expectsAll;
    const target = mount === undefined ? undefined : this.#platform.readLink(`/sys/dev/block/${mount.device}`);
    const device = target?.slice(target.lastIndexOf("/") + 1);
    this.#errorsFile = device === undefined ? undefined : `/sys/fs/ext4/${device}/errors_count`;
    this.#errorsAtStart = this.#countErrors();
    this.#errorsAtProbe = this.#errorsAtStart;
    if (this.#starting) return;
    this.#platform.log(`${this.#point}: ${mount === undefined ? "unmounted" : "mounted anew"}`, true);
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

/** The longest of `points` that `directory` lies under. */
function ownerOf(directory: string, points: readonly string[]): string | undefined {
  const owners = points.filter((point) => point === "/" || `${directory}/`.startsWith(`${point}/`));
  return owners.sort((a, b) => b.length - a.length)[0];
}

export const disk: CheckKind = {
  keys: [
    {
      name: "disk",
      type: "paths",
      most: 32,
      fallback: ["/"],
      help: "mount point of a file system that must take writes; one line each; none: no disk is watched",
    },
    {
      name: "disk-probe-interval",
      type: "number",
      unit: "seconds",
      min: 1,
      max: 3600,
      fallback: 30,
      help: "time between two write probes while nothing looks wrong",
    },
    {
      name: "disk-hold",
      type: "number",
      unit: "seconds",
      min: 0,
      max: 3600,
      fallback: 30,
      help: "writes must be refused for this long",
    },
    {
      name: "hang-hold",
      type: "number",
      unit: "seconds",
      min: 5,
      max: 3600,
      fallback: 120,
      help: "a write must hang for this long (a SAN fails over in 60-120 s)",
    },
    {
      name: "freeze-limit",
      type: "number",
      unit: "seconds",
      min: 0,
      max: 86400,
      fallback: 900,
      help: "a freeze (backup) is forgiven for this long",
    },
    endKey("disk", "starve"),
  ],
  create({ settings, platform, use }) {
    const seconds = (key: string) => settings.number(key) * 1000;
    const limits = {
      hold: seconds("disk-hold"),
      probeInterval: seconds("disk-probe-interval"),
      hangHold: seconds("hang-hold"),
      freezeLimit: seconds("freeze-limit"),
      end: settings.end("disk"),
    };
    const points = settings.paths("disk");
    const directory = settings.path("state-directory");
    const keeper = directory === "none" ? undefined : ownerOf(directory, points);
    return points.map((point) => new DiskCheck(point, { ...limits, keepsLastWords: point === keeper }, platform, use));
  },
};
