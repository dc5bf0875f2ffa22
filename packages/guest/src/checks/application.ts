/**
 * A program that must live has fallen silent: it no longer says WATCHDOG=1, as programs with systemd's watchdog support do.
 *
 * It is known by its name (/proc/PID/comm of the sender, or X_BERNARD_NAME where a script's helper speaks for it) and its user. Each
 * user has a socket of his own, which the kernel lets nobody else write to: others can neither speak for a program nor crowd it out.
 *
 * Not failures: a program never heard of since start (it may be switched off; a warning says so), one that said STOPPING=1, silence
 * in a time that we did not see ourselves (the host was starved), while a backup held the guest frozen, and while our socket was gone.
 */
import { decode } from "../bytes.ts";
import { type Check, type CheckKind, endKey, holdKey, type Reading } from "../check.ts";
import type { End } from "../end.ts";
import { Freeze } from "../freeze.ts";
import { LONGEST_NAME, type Notification, parseNotification } from "../notify.ts";
import type { Datagram, Inbox, Platform } from "../platform.ts";
import { wholeNumber } from "../text.ts";

const ETIMEDOUT = 110;

const LONGEST_SECONDS = 86_400;

/** WATCHDOG_USEC may ask for this (ms) at least, for we look once a round, and for so many times the configured time at most. */
const SHORTEST_LIMIT = 1000;
const MOST_LENGTHENED = 10;

/** Programs that have not been heard of by then (ms) are named in a warning. */
const UNHEARD_AFTER = 300_000;

/** A socket that could not be made is tried again so often (ms). */
const RETRY_INTERVAL = 10_000;

/** A round that is later than this (ms) shows that nothing ran: the program had no turn either. */
const LATE = 5000;

interface Watched {
  readonly name: string;
  readonly seconds: number;
  readonly uid: number;
}

/** `NAME SECONDS [uid=UID]`; a name may have spaces in it. Undefined for what is not that. */
function parseWatched(text: string): Watched | undefined {
  const words = text.split(" ").filter((word) => word !== "");
  const uid = words.at(-1)?.startsWith("uid=") ? wholeNumber((words.pop() as string).slice("uid=".length)) : 0;
  const seconds = wholeNumber(words.pop() ?? "");
  const name = words.join(" ");
  const isLegal = name !== "" && name.length <= LONGEST_NAME && seconds >= 1 && seconds <= LONGEST_SECONDS;
  return isLegal && uid < 2 ** 32 - 1 ? { name, seconds, uid } : undefined;
}

/** One program, as far as it has been heard of. */
class Program {
  readonly name: string;
  readonly configured: number;
  limit: number;
  /** Its process, once it has spoken for itself. */
  pid: number | undefined;
  beats = 0;
  heardAt: number | undefined;
  triggeredAt: number | undefined;
  isStopped = false;

  constructor({ name, seconds }: Watched) {
    this.name = name;
    this.configured = seconds * 1000;
    this.limit = this.configured;
  }

  /** True when it asks for the end. */
  hear({ beats, stops, triggers, within = 0 }: Notification, now: number): boolean {
    if (within > 0) this.limit = Math.min(Math.max(within, SHORTEST_LIMIT), this.configured * MOST_LENGTHENED);
    if (beats) {
      this.beats += 1;
      this.heardAt = now;
      this.triggeredAt = undefined;
      this.isStopped = false;
    }
    if (stops) this.isStopped = true;
    if (!triggers || this.triggeredAt !== undefined) return false;
    this.triggeredAt = now;
    this.heardAt ??= now;
    return true;
  }

  /** When (ms) it was due, if that is over. */
  missedAt(now: number): number | undefined {
    if (this.triggeredAt !== undefined) return this.triggeredAt;
    const due = this.heardAt === undefined || this.isStopped ? now : this.heardAt + this.limit;
    return due < now ? due : undefined;
  }

  /** What it did in the last `ms` is not known. */
  forgive(ms: number, now: number): void {
    if (this.heardAt !== undefined) this.heardAt = Math.min(this.heardAt + ms, now);
  }
}

/** The programs of one user, and the socket where they are heard. */
class Desk {
  readonly programs: Program[] = [];
  /** Datagrams by nobody whom we watch. */
  ignored = 0;
  readonly #uid: number;
  readonly #platform: Platform;
  readonly #longestRound: number;
  readonly #freeze: Freeze;
  readonly #inbox: Inbox;
  #told = "";
  #seenAt: number;
  #settledAt: number;

  constructor(uid: number, platform: Platform, longestRound: number, freeze: Freeze) {
    this.#uid = uid;
    this.#platform = platform;
    this.#longestRound = longestRound;
    this.#freeze = freeze;
    this.#seenAt = platform.now();
    this.#settledAt = this.#seenAt;
    this.#inbox = platform.openInbox(uid, (datagram) => this.#take(datagram));
  }

  /** Each round, before the first of its programs is judged. */
  look(now: number): void {
    const gap = now - this.#seenAt;
    if (gap === 0) return;
    this.#seenAt = now;
    if (this.#freeze.excuses(now) || gap > this.#longestRound) this.#forgive(gap, now);
    const { problem } = this.#inbox;
    if (problem !== this.#told && problem !== "")
      this.#platform.log(`warning: no heartbeats are heard: ${problem}`, true);
    this.#told = problem;
    if (problem === "") {
      // Silence counts only where what is said would be heard.
      if (this.programs.some((program) => program.missedAt(now) !== undefined)) this.#settle(now);
    } else {
      this.#forgive(gap, now);
      if (now - this.#settledAt >= RETRY_INTERVAL) this.#settle(now);
    }
  }

  #settle(now: number): void {
    this.#settledAt = now;
    const wasOpen = this.#inbox.problem === "";
    if (this.#inbox.settle()) return;
    if (wasOpen)
      this.#platform.log(
        "warning: the socket for heartbeats was gone and is made anew; their time starts afresh",
        true,
      );
    this.#forgive(Number.POSITIVE_INFINITY, now);
  }

  #forgive(ms: number, now: number): void {
    for (const program of this.programs) program.forgive(ms, now);
  }

  #take({ bytes, pid, uid }: Datagram): boolean {
    const notification = uid === this.#uid ? parseNotification(bytes) : undefined;
    const programs = notification === undefined ? [] : this.#speakers(notification.name, pid);
    if (notification === undefined || programs.length === 0) {
      this.ignored += 1;
      return false;
    }
    const now = this.#platform.now();
    return programs.filter((program) => program.hear(notification, now)).length > 0;
  }

  #speakers(named: string | undefined, pid: number): Program[] {
    const comm = named === undefined ? this.#platform.readFile(`/proc/${pid}/comm`) : undefined;
    // One that says STOPPING=1 may be gone by now; it has spoken before.
    if (named === undefined && comm === undefined) return this.programs.filter((program) => program.pid === pid);
    const name = comm === undefined ? named : decode(comm.subarray(0, comm.lastIndexOf(10)));
    const speakers = this.programs.filter((program) => program.name === name);
    if (comm !== undefined) for (const program of speakers) program.pid = pid;
    return speakers;
  }
}

class HeartbeatCheck implements Check {
  readonly name: string;
  readonly end: End;
  readonly code = ETIMEDOUT;
  readonly #program: Program;
  readonly #desk: Desk;
  readonly #hold: number;
  readonly #platform: Platform;
  readonly #startedAt: number;
  #isWarned = false;

  constructor(watched: Watched, desk: Desk, limits: { readonly hold: number; readonly end: End }, platform: Platform) {
    this.name = `heartbeat:${watched.uid === 0 ? "" : `${watched.uid}/`}${watched.name}`;
    this.end = limits.end;
    this.#program = new Program(watched);
    this.#desk = desk;
    this.#hold = limits.hold;
    this.#platform = platform;
    this.#startedAt = platform.now();
    desk.programs.push(this.#program);
  }

  get limit(): string {
    return `WATCHDOG=1 within ${this.#program.limit / 1000} s`;
  }

  read(now: number): Reading {
    this.#desk.look(now);
    const { beats, heardAt, limit, isStopped, triggeredAt } = this.#program;
    const missedAt = this.#program.missedAt(now);
    if (heardAt === undefined) this.#warnWhenUnheard(now);
    const silent = heardAt === undefined ? {} : { silent_s: Math.max(0, Math.round((now - heardAt) / 100) / 10) };
    const readings = { beats, ...silent, stopped: isStopped ? 1 : 0, ignored: this.#desk.ignored };
    if (missedAt === undefined) return { reason: "", readings };
    const reason =
      triggeredAt === undefined
        ? `${this.#program.name} has not said WATCHDOG=1 for ${silent.silent_s} s (limit ${limit / 1000} s)`
        : `${this.#program.name} asks for the end itself (WATCHDOG=trigger)`;
    return { reason, readings, hold: this.#hold, since: missedAt };
  }

  #warnWhenUnheard(now: number): void {
    if (this.#isWarned || now - this.#startedAt < UNHEARD_AFTER) return;
    this.#isWarned = true;
    this.#platform.log(`warning: ${this.name}: never heard of since start, so it is not watched yet`, true);
  }
}

export const application: CheckKind = {
  keys: [
    {
      name: "heartbeat",
      type: "texts",
      form: "NAME SECONDS [uid=UID]",
      most: 32,
      problemWith: (text) =>
        parseWatched(text) === undefined
          ? `not NAME SECONDS or NAME SECONDS uid=UID, with a name of at most ${LONGEST_NAME} characters and whole seconds from 1 to ${LONGEST_SECONDS}`
          : undefined,
      help: "this program, run by this user (0: root), must send WATCHDOG=1 so often",
    },
    holdKey("heartbeat", 0, "silence must last so much longer than its limit"),
    endKey("heartbeat", "reboot"),
  ],
  create({ settings, platform, use }) {
    if (use === "once") return []; // a heart is not heard in a single look, and the sockets are the daemon's
    const limits = { hold: settings.number("heartbeat-hold") * 1000, end: settings.end("heartbeat") };
    const longestRound = settings.number("interval") * 1000 + LATE;
    const freeze = new Freeze(settings, platform);
    const desks = new Map<number, Desk>();
    return settings.texts("heartbeat").map((text) => {
      const watched = parseWatched(text) as Watched;
      const desk = desks.get(watched.uid) ?? new Desk(watched.uid, platform, longestRound, freeze);
      desks.set(watched.uid, desk);
      return new HeartbeatCheck(watched, desk, limits, platform);
    });
  },
};
