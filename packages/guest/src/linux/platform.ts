/** The real system behind {@link Platform}: one process, one place where it waits. */
import { encode } from "../bytes.ts";
import type { Platform, Probe } from "../platform.ts";
import * as abi from "./abi.ts";
import { LinuxProbe, writeOomScore } from "./probe.ts";
import * as system from "./system.ts";

const STDERR = 2;

/** Bytes of a log line; a pipe that poll calls writable takes as much at once. */
const LOG_LINE = 512;

export interface PlatformOptions {
  /** Path of the channel's port, undefined for none. */
  readonly channel: string | undefined;
  /** Where last words are kept. */
  readonly stateDirectory: string | undefined;
}

export class LinuxPlatform implements Platform {
  readonly #options: PlatformOptions;
  readonly #probes: LinuxProbe[] = [];
  /** Everything open, so that a forked child knows what to close. */
  readonly #fds = new Set<number>();
  readonly #pid = system.ownPid();
  readonly #signals: number;
  readonly #kernelLog: number;
  /** Where log lines go; -1: nowhere. */
  #log: number;
  #channel = -1;
  #midLine = true;
  #locked = false;

  constructor(options: PlatformOptions) {
    this.#options = options;
    const stopping = [abi.SIGINT, abi.SIGTERM];
    // SIGPIPE too: a log reader or a probe that went away is an errno here, not an end. And SIGHUP: a terminal that is closed, or
    // a reload that somebody expects of a daemon, must not end the feeding.
    system.maskSignals(abi.SIG_BLOCK, [...stopping, abi.SIGPIPE, abi.SIGHUP]);
    this.#signals = this.adopt(system.signalDescriptor(stopping, abi.O_NONBLOCK));
    this.#kernelLog = this.adopt(system.open("/dev/kmsg", abi.O_WRONLY | abi.O_NONBLOCK));
    this.#log = this.#openLog();
    this.#openChannel();
  }

  /** Takes note of a descriptor that probe children must not keep; hands it back. */
  adopt(fd: number): number {
    if (fd >= 0) this.#fds.add(fd);
    return fd;
  }

  now(): number {
    return now();
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

  readLink(path: string): string | undefined {
    const target = system.readLink(path);
    return typeof target === "number" ? undefined : target;
  }

  startProbe(directory: string): Probe {
    const household = { pid: this.#pid, fds: this.#fds, afterFork: () => this.#locked && this.#lock() };
    const probe = new LinuxProbe({ directory, stateDirectory: this.#options.stateDirectory }, household, now);
    this.#probes.push(probe);
    return probe;
  }

  log(line: string, urgent = false): void {
    // A log reader that is stuck must not hold up the feeding: what it does not take now is dropped.
    const short = encode(line).subarray(0, LOG_LINE);
    if (this.#log >= 0 && system.poll([this.#log], abi.POLLOUT, 0).length > 0) {
      system.write(this.#log, logLine("", short));
    }
    if (urgent && this.#kernelLog >= 0) system.write(this.#kernelLog, logLine("<4>bernard-guest: ", short));
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

  /** Waits until `until` (ms) or until no probe has a question out, taking in answers; true when it is time to stop. */
  settle(until: number): boolean {
    while (now() < until && this.#probes.some((probe) => probe.askedAt !== undefined)) {
      if (this.#wait(until, true)) return true;
    }
    return false;
  }

  /** Waits until `until` (ms), taking in probe answers; true when it is time to stop. */
  wait(until: number): boolean {
    return this.#wait(until, false);
  }

  #wait(until: number, once: boolean): boolean {
    for (;;) {
      const left = until - now();
      const alive = this.#probes.filter((probe) => probe.answers >= 0);
      const ready = system.poll([this.#signals, ...alive.map((probe) => probe.answers)], abi.POLLIN, Math.max(0, left));
      for (const index of ready) {
        if (index === 0) return true;
        alive[index - 1]?.receive();
      }
      if (left <= 0 || once) return false;
    }
  }

  /**
   * Standard error, opened anew so that it does not block. A regular file always may, when its disk hangs or is frozen: there,
   * only the kernel's log is kept.
   */
  #openLog(): number {
    const target = this.readLink(`/proc/self/fd/${STDERR}`) ?? "";
    if (target.startsWith("/") && !target.startsWith("/dev/")) {
      const why = "a file's disk may hang, and the feeding with it";
      system.write(STDERR, encode(`standard error is the file ${target}: no more is written there, for ${why}\n`));
      return -1;
    }
    const anew = this.adopt(system.open(`/proc/self/fd/${STDERR}`, abi.O_WRONLY | abi.O_NONBLOCK | abi.O_NOCTTY));
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

function logLine(before: string, text: Uint8Array): Uint8Array {
  const start = encode(before);
  const line = new Uint8Array(start.length + text.length + 1);
  line.set(start);
  line.set(text, start.length);
  line[line.length - 1] = 10;
  return line;
}
