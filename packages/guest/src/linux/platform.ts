/** The real system behind {@link Platform}: one process, one place where it waits. */
import { encode } from "../bytes.ts";
import type { Platform, Probe } from "../platform.ts";
import * as abi from "./abi.ts";
import { LinuxProbe, writeOomScore } from "./probe.ts";
import * as system from "./system.ts";

const STDERR = 2;

export interface PlatformOptions {
  /** Path of the channel's port, undefined for none. */
  readonly channel: string | undefined;
  /** Where last words are kept. */
  readonly stateDirectory: string;
}

export class LinuxPlatform implements Platform {
  readonly #options: PlatformOptions;
  readonly #probes: LinuxProbe[] = [];
  /** Everything open, so that a forked child knows what to close. */
  readonly #fds = new Set<number>();
  readonly #pid = system.ownPid();
  readonly #signals: number;
  readonly #kernelLog: number;
  #channel = -1;
  #midLine = true;
  #locked = false;

  constructor(options: PlatformOptions) {
    this.#options = options;
    const stopping = [abi.SIGINT, abi.SIGTERM];
    // SIGPIPE too: a log reader or a probe that went away is an errno here, not an end.
    system.maskSignals(abi.SIG_BLOCK, [...stopping, abi.SIGPIPE]);
    this.#signals = this.adopt(system.signalDescriptor(stopping, abi.O_NONBLOCK));
    this.#kernelLog = this.adopt(system.open("/dev/kmsg", abi.O_WRONLY | abi.O_NONBLOCK));
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
    if (system.poll([STDERR], abi.POLLOUT, 0).length > 0) system.write(STDERR, encode(`${line}\n`));
    if (urgent && this.#kernelLog >= 0) system.write(this.#kernelLog, encode(`<4>bernard-guest: ${line}\n`));
  }

  send(line: string): boolean {
    if (this.#channel < 0) this.#openChannel();
    if (this.#channel < 0) return false;
    // After a reset, or a port too full for a whole line, half a line may lie before us: end it, or it would swallow ours.
    const bytes = encode(this.#midLine ? `\n${line}` : line);
    const sent = system.write(this.#channel, bytes) === bytes.length;
    this.#midLine = !sent;
    return sent;
  }

  /** Locks all memory, raises the priority, and takes this process out of the OOM killer's reach; says what was refused. */
  harden(priority: number): void {
    this.#locked = true;
    const refused: string[] = [];
    if (this.#lock() < 0) refused.push("memory is not locked");
    if (system.setScheduler(abi.SCHED_FIFO, priority) < 0) refused.push("no real-time priority");
    if (writeOomScore(-1000) < 0) refused.push("not protected from the OOM killer");
    if (refused.length > 0)
      this.log(`warning: ${refused.join(", ")}; run as root with CAP_IPC_LOCK, CAP_SYS_NICE, CAP_SYS_RESOURCE`, true);
  }

  /** Waits until `until` (ms) or until no probe has a question out, taking in answers. */
  settle(until: number): void {
    while (now() < until && this.#probes.some((probe) => probe.askedAt !== undefined)) this.#wait(until, true);
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

  #lock(): number {
    return system.lockMemory(abi.MCL_CURRENT | abi.MCL_FUTURE);
  }

  #openChannel(): void {
    if (this.#options.channel === undefined) return;
    this.#channel = this.adopt(system.open(this.#options.channel, abi.O_RDWR | abi.O_NONBLOCK));
  }
}
