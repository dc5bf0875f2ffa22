/** The real system behind {@link Platform}: one process, one place where it waits. */
import { decode, encode, joined } from "../bytes.ts";
import type { Datagram, Inbox, Job, KernelLog, Ping, Platform, Probe, RunningJob } from "../platform.ts";
import * as abi from "./abi.ts";
import { type Household, writeOomScore } from "./child.ts";
import { endGuest } from "./ending.ts";
import { openPing } from "./ping.ts";
import { LinuxProbe } from "./probe.ts";
import { ControlServer, controlPath, LinuxInbox, type Loop, notifyPath, sendDatagram } from "./sockets.ts";
import { Spawner } from "./spawner.ts";
import * as system from "./system.ts";

const STDERR = 2;

const NEWLINE = encode("\n");

/** A line of the kernel's log: a warning (4), and whose. */
const KERNEL_PREFIX = encode("<4>bernard-guest: ");

/** Bytes of a log line; a pipe that poll calls writable takes as much at once. */
const LOG_LINE = 512;

/** Bytes of a record of the kernel's log, more than one ever has (CONSOLE_EXT_LOG_MAX). */
const KERNEL_LOG_RECORD = 8192;

/** Milliseconds in which the kernel's log calls for no second early round. */
const KERNEL_LOG_REST = 1000;

export interface PlatformOptions {
  /** Path of the channel's port, undefined for none. */
  readonly channel: string | undefined;
  /** Where last words are kept. */
  readonly stateDirectory: string | undefined;
  /** A descriptor of the device, open already, that no child may keep. */
  readonly inherited?: number | undefined;
  /** Where sockets are; undefined: nowhere. */
  readonly runtimeDirectory: string | undefined;
}

type Watching = system.Watched & {
  readonly onReady: () => boolean;
  /** Undefined: always. */
  readonly isOn?: () => boolean;
};

/** Why a wait ended: its time was up, something calls for an early round, or a signal came. */
export type Wakening = "due" | "early" | "stop" | "reload" | "hand over";

const NOTIFY_SOCKET = "NOTIFY_SOCKET=";

export class LinuxPlatform implements Platform, Loop {
  readonly #options: PlatformOptions;
  readonly #probes: LinuxProbe[] = [];
  /** Descriptors of {@link openPing}. */
  readonly #pings = new Set<number>();
  readonly #inboxes: LinuxInbox[] = [];
  #control: ControlServer | undefined;
  /** Everything open, so that a forked child knows what to close. */
  readonly #fds = new Set<number>();
  readonly #household: Household = {
    pid: system.ownPid(),
    fds: this.#fds,
    afterFork: () => this.#locked && this.#lock(),
  };
  readonly #watched = new Map<number, Watching>();
  readonly #spawner: Spawner;
  readonly #signals: number;
  readonly #kernelLog: number;
  /** Where log lines go; -1: nowhere. */
  #log = -1;
  #channel = -1;
  #midLine = true;
  /** A child has said what calls for an early round. */
  #hasNews = false;
  #locked = false;

  constructor(options: PlatformOptions) {
    this.#options = options;
    this.adopt(options.inherited ?? -1);
    const taken = [abi.SIGINT, abi.SIGTERM, abi.SIGHUP, abi.SIGUSR1];
    // SIGPIPE too: a log reader or a probe that went away is an errno here, not an end.
    system.maskSignals(abi.SIG_BLOCK, [...taken, abi.SIGPIPE]);
    this.#signals = this.adopt(system.signalDescriptor(taken, abi.O_NONBLOCK));
    this.#kernelLog = this.adopt(system.open("/dev/kmsg", abi.O_WRONLY | abi.O_NONBLOCK));
    this.#log = this.#openLog();
    this.#openChannel();
    this.#spawner = new Spawner(this.#household);
  }

  /** Takes note of a descriptor that probe children must not keep; hands it back. */
  adopt(fd: number): number {
    if (fd >= 0) this.#fds.add(fd);
    return fd;
  }

  now(): number {
    return now();
  }

  wallClock(): number {
    return system.wallClock();
  }

  endGuest(end: "reboot" | "poweroff" | "panic", patience: number): void {
    endGuest(end, patience);
  }

  readFile(path: string): Uint8Array | undefined {
    const bytes = system.readWhole(path);
    return typeof bytes === "number" ? undefined : bytes;
  }

  reader(path: string): () => Uint8Array | undefined {
    let fd = -1;
    return () => {
      if (fd < 0) fd = this.adopt(system.open(path, abi.O_RDONLY));
      const bytes = fd < 0 ? fd : system.readAgain(fd);
      return typeof bytes === "number" ? undefined : bytes;
    };
  }

  readChunks(path: string, take: (chunk: Uint8Array) => boolean): boolean {
    return system.readChunks(path, take) === 0;
  }

  listFolder(path: string): string[] {
    return system.listFolder(path);
  }

  readLink(path: string): string | undefined {
    const target = system.readLink(path);
    return typeof target === "number" ? undefined : target;
  }

  startProbe(directory: string): Probe {
    const probe = new LinuxProbe({ directory, stateDirectory: this.#options.stateDirectory }, this.#household, now);
    this.#probes.push(probe);
    return probe;
  }

  startJob(job: Job, deadline: number, then?: "wake"): RunningJob {
    return this.#spawner.start(job, deadline, then === "wake");
  }

  openPing(address: Uint8Array): Ping | number {
    const ping = openPing(address, (fd) => {
      this.#fds.delete(fd);
      this.#pings.delete(fd);
    });
    if (typeof ping !== "number") this.#pings.add(this.adopt(ping.fd));
    return ping;
  }

  programsIn(folder: string): readonly string[] {
    const paths: string[] = [];
    system.eachName(folder, (name) => {
      if (!name.startsWith(".")) paths.push(`${folder}/${name}`);
    });
    return paths.filter(system.isProgram).sort();
  }

  wakeOnMemoryStall(stall: number, window: number): void {
    const fd = system.open("/proc/pressure/memory", abi.O_RDWR | abi.O_NONBLOCK);
    if (fd < 0) return;
    // The trigger lives as long as the descriptor (Documentation/accounting/psi.rst).
    const accepted = system.write(fd, encode(`full ${stall * 1000} ${window * 1000}\0`)) > 0;
    if (accepted) this.watch(fd, abi.POLLPRI, () => true);
    else system.close(fd);
  }

  openInbox(uid: number, take: (datagram: Datagram) => boolean): Inbox {
    const directory = this.#options.runtimeDirectory;
    if (directory === undefined) return { problem: "runtime-directory is none", settle: () => false };
    const inbox = new LinuxInbox(notifyPath(directory, uid), uid, take, this);
    this.#inboxes.push(inbox);
    return inbox;
  }

  /** Has requests to the control socket answered; why that cannot be, or nothing. */
  openControl(answer: (request: string) => string): string {
    const directory = this.#options.runtimeDirectory;
    if (directory === undefined) return "";
    this.#control = new ControlServer(controlPath(directory), this, answer);
    return this.#control.problem;
  }

  /** Tells the service manager, if it wants to know, in the words of sd_notify(3); false where it does not take it now. */
  notifyManager(state: string): boolean {
    const environment = this.readFile("/proc/self/environ");
    const variables = environment === undefined ? [] : decode(environment).split("\0");
    const path = variables.find((variable) => variable.startsWith(NOTIFY_SOCKET))?.slice(NOTIFY_SOCKET.length);
    return path === undefined || sendDatagram(path, encode(state)) === 0;
  }

  kernelLog(): KernelLog | undefined {
    const fd = system.open("/dev/kmsg", abi.O_RDONLY | abi.O_NONBLOCK);
    if (fd < 0) return undefined;
    const skip = () => {
      system.seekEnd(fd);
    };
    skip();
    // In a flood it is always readable: then the rounds themselves are enough.
    let quietUntil = 0;
    const onReady = () => {
      quietUntil = now() + KERNEL_LOG_REST;
      return true;
    };
    this.#watched.set(this.adopt(fd), { fd, events: abi.POLLIN, onReady, isOn: () => now() >= quietUntil });
    return {
      next() {
        const bytes = system.readFrom(fd, KERNEL_LOG_RECORD);
        if (typeof bytes !== "number") return bytes.length > 0 ? bytes : undefined;
        return bytes === -abi.EPIPE ? "lost" : undefined;
      },
      skip,
    };
  }

  watch(fd: number, events: number, onReady: () => boolean): void {
    this.#watched.set(this.adopt(fd), { fd, events, onReady });
  }

  rest(fd: number): void {
    this.#watched.delete(fd);
  }

  release(fd: number): void {
    this.#watched.delete(fd);
    this.#fds.delete(fd);
    system.close(fd);
  }

  log(line: string, urgent = false): void {
    // A log reader that is stuck must not hold up the feeding: what it does not take now is dropped.
    const bytes = joined(encode(line).subarray(0, LOG_LINE), NEWLINE);
    if (this.#log >= 0 && system.poll([{ fd: this.#log, events: abi.POLLOUT }], 0).length > 0) {
      system.write(this.#log, bytes);
    }
    if (urgent && this.#kernelLog >= 0) system.write(this.#kernelLog, joined(KERNEL_PREFIX, bytes));
  }

  send(line: string): boolean {
    if (this.#channel < 0) this.#openChannel();
    if (this.#channel < 0) return false;
    // After a reset, or a port too full for a whole line, half a line may lie before us: end it, or it would swallow ours.
    const bytes = encode(this.#midLine ? `\n${line}` : line);
    const written = system.write(this.#channel, bytes);
    this.#midLine = written !== bytes.length;
    if (written < 0 && written !== -abi.EAGAIN) this.#closeChannel();
    return !this.#midLine;
  }

  /**
   * Takes this process out of the OOM killer's reach and, given a real-time priority, locks all memory. Returns what was refused.
   * The working directory goes too: it would keep its file system from being unmounted.
   */
  harden(priority: number | undefined): string[] {
    const refused: string[] = [];
    if (writeOomScore(-1000) < 0) refused.push("not protected from the OOM killer");
    system.changeDirectory("/");
    if (priority === undefined) return refused;
    this.#locked = true;
    if (this.#lock() < 0) refused.push("memory is not locked");
    if (system.setScheduler(abi.SCHED_FIFO, priority) < 0) refused.push("no real-time priority");
    return refused;
  }

  settle(until: number): void {
    while (now() < until && (this.#spawner.isBusy || this.#probes.some((probe) => probe.askedAt !== undefined))) {
      this.#poll([], until);
    }
  }

  /** Waits until each machine that was asked has answered, at most until `until` (ms). */
  awaitReplies(until: number): void {
    let waiting = [...this.#pings].map((fd) => ({ fd, events: abi.POLLIN }));
    while (now() < until && waiting.length > 0) {
      const ready = this.#poll(waiting, until);
      waiting = waiting.filter((_, index) => !ready.includes(index));
    }
  }

  /** Waits until `until` (ms), taking in answers, or until something calls for a round, though not before `soonest` (ms). */
  wait(until: number, soonest: number): Wakening {
    for (const inbox of this.#inboxes) inbox.refill();
    this.#spawner.tend();
    let early = false;
    for (;;) {
      const called = this.#waitOnce(early ? Math.min(until, soonest) : until);
      if (called !== "due" && called !== "early") return called;
      early ||= called === "early";
      if (now() >= until) return "due";
      if (early && now() >= soonest) return "early";
    }
  }

  #waitOnce(until: number): Wakening {
    const watched = [...this.#watched.values()].filter(({ isOn }) => isOn === undefined || isOn());
    const next = Math.min(until, this.#control?.expire(now()) ?? until);
    const ready = this.#poll([{ fd: this.#signals, events: abi.POLLIN }, ...watched], next);
    let called: Wakening = "due";
    for (const index of ready) {
      if (index === 0) called = this.#takeSignal();
      else if (this.#isReady(watched[index - 1]) && called === "due") called = "early";
    }
    if (this.#hasNews && called === "due") called = "early";
    this.#hasNews = false;
    return called;
  }

  /** Waits for `others`, taking in what children say; which of `others` are ready. */
  #poll(others: readonly system.Watched[], until: number): number[] {
    const children = [...this.#probes, this.#spawner].filter((child) => child.answers >= 0);
    const fds = [...children.map((child) => ({ fd: child.answers, events: abi.POLLIN })), ...others];
    const ready = system.poll(fds, Math.max(0, until - now()));
    for (const index of ready) if (children[index]?.receive()) this.#hasNews = true;
    return ready.filter((index) => index >= children.length).map((index) => index - children.length);
  }

  /** Asks what is watched; one that was released while others were asked is no more. */
  #isReady(entry: Watching | undefined): boolean {
    return entry !== undefined && this.#watched.get(entry.fd) === entry && entry.onReady();
  }

  #takeSignal(): Wakening {
    // struct signalfd_siginfo: u32 signal number first, 128 bytes in all
    const info = system.readFrom(this.#signals, 128);
    switch (typeof info === "number" ? 0 : info[0]) {
      case abi.SIGHUP:
        return "reload";
      case abi.SIGUSR1:
        return "hand over";
      case abi.SIGINT:
      case abi.SIGTERM:
        return "stop";
      default:
        return "due";
    }
  }

  /**
   * Standard error, opened anew so that it does not block. A regular file always may, when its disk hangs or is frozen: then only the
   * kernel's log is kept, and not even that is said in the file.
   */
  #openLog(): number {
    const own = `/proc/self/fd/${STDERR}`;
    if (system.isFile(own)) {
      this.log(
        "standard error is a file, whose disk may hang, and the feeding with it: nothing is written there",
        true,
      );
      return -1;
    }
    const anew = this.adopt(system.open(own, abi.O_WRONLY | abi.O_NONBLOCK | abi.O_NOCTTY));
    return anew < 0 ? STDERR : anew; // a socket cannot be opened anew, and needs no more than a look before each write
  }

  #closeChannel(): void {
    this.#fds.delete(this.#channel);
    system.close(this.#channel);
    this.#channel = -1;
  }

  #lock(): number {
    return system.lockMemory(abi.MCL_CURRENT | abi.MCL_FUTURE);
  }

  #openChannel(): void {
    if (this.#options.channel === undefined) return;
    this.#channel = this.adopt(system.open(this.#options.channel, abi.O_RDWR | abi.O_NONBLOCK));
    this.#midLine = true;
  }
}
