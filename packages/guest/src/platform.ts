/** What the daemon asks of the system. `linux/` is the real one; the vectors bring one whose time and files are scripted. */

export interface Platform {
  /** Milliseconds of CLOCK_MONOTONIC: it never jumps, and it does not run while the guest is paused. */
  now(): number;
  /** A small file of /proc, /sys or /run as it is now; undefined where it cannot be read. Valid until the next call. */
  readFile(path: string): Uint8Array | undefined;
  /** A reader of one file, each round anew, that costs less than {@link readFile}: the file is kept open. For files of /proc only. */
  reader(path: string): () => Uint8Array | undefined;
  /** As {@link readFile} for a file of any length: `take` gets it chunk by chunk until it returns false. False where it cannot be read. */
  readChunks(path: string, take: (chunk: Uint8Array) => boolean): boolean;
  /** Names in a folder of /proc, /sys or /run, hundreds at most; none where it cannot be read. */
  listFolder(path: string): string[];
  /** Where a symbolic link points, undefined where there is none. */
  readLink(path: string): string | undefined;
  /** Forks the child that touches the file system at `directory` in our place. */
  startProbe(directory: string): Probe;
  /**
   * Has a job done by a process of its own, which is killed after `deadline` ms; nobody waits, the outcome is looked for in later
   * rounds. No fork of the daemon's: a spawner, forked at start, does it. Every disk access but a probe's is a job.
   * @param then `wake`: has a round run early when it has ended
   */
  startJob(job: Job, deadline: number, then?: "wake"): RunningJob;
  /** Paths of the programs in a folder, by name, hidden ones left out. It touches the disk: at start only, when nothing is fed yet. */
  programsIn(folder: string): readonly string[];
  /** Waits until no job runs and no probe has a question out, at most until `until` (ms); nothing is fed meanwhile. */
  settle(until: number): void;
  /** Seconds since 1970, as far as the guest knows; it may jump. */
  wallClock(): number;
  /**
   * Ends the guest in order, with the device ticking behind: SIGTERM to all, SIGKILL after `patience` ms, sync and remounts with a
   * deadline, reboot(2); `panic` at once. Blocks; returns only where the kernel refuses.
   */
  endGuest(end: "reboot" | "poweroff" | "panic", patience: number): void;
  /**
   * Opens a way to send echo requests (ICMP) to an IPv4 or IPv6 address of 4 or 16 bytes; a negative errno where there is none. Route
   * and source address are chosen now, and followed only by opening anew.
   */
  openPing(address: Uint8Array): Ping | number;
  /** Has a round run early when all tasks stall for memory for `stall` of any `window` (ms), where the kernel has PSI triggers. */
  wakeOnMemoryStall(stall: number, window: number): void;
  /**
   * A socket for datagrams that programs of the user `uid` (and root) send to; `take` gets each one, between two rounds, and true from
   * it has a round run early.
   */
  openInbox(uid: number, take: (datagram: Datagram) => boolean): Inbox;
  /** The kernel's log from now on; undefined where it cannot be read. A record has a round run early, at most one each second. */
  kernelLog(): KernelLog | undefined;
  /** One line to the log (standard error) and, when `urgent`, to the kernel's log too. Dropped rather than waited for. */
  log(line: string, urgent?: boolean): void;
  /** One message to the host; false where there is no channel or the host does not take it. */
  send(line: string): boolean;
}

/**
 * What a job's process does: the name of a built-in one (linux/jobs/) and its arguments; or `exec`, where the program's output goes
 * (a path without its ending; empty: nowhere), the program and its arguments. A `test` is an `exec` that is run again and again: what
 * it leaves behind ends with it, and what it writes is bounded.
 */
export type Job = readonly [name: JobName, ...args: string[]];

export type JobName =
  | "exec"
  | "test"
  | "load"
  | "save"
  | "stamp"
  | "hottest"
  | "mtime"
  | "oldest"
  | "statfs"
  | "allocate"
  | "openFile"
  | "tick"
  | "readDevice"
  | "thaw";

/** How a job that did not exit by itself ended; exit codes are 0 to 255. */
export const TIMED_OUT = -1;
export const KILLED = -2;
/** No process could be made for it: the process table is full, or memory. */
export const UNBORN = -3;
/** The program could not be run: it is missing, is no program... */
export const NOT_RUN = -4;

export interface JobOutcome {
  /** Exit code, or one of the above; a built-in job's is 0 or its errno. */
  readonly status: number;
  /**
   * What a built-in job found out; of a killed one the signal's number; of one not born or not run the errno; of a late one the kernel
   * function in which it slept. At most 4000 bytes.
   */
  readonly output: string;
}

export interface RunningJob {
  /** Undefined until it has ended. One that is past its deadline has ended for us, even when a dead disk keeps its process. */
  readonly outcome: JobOutcome | undefined;
}

/** Echo requests to one address; nothing waits for the replies. */
export interface Ping {
  /** Sends one request; 0, or a negative errno. */
  send(): number;
  /** Whether a reply to any of them has come since the last call. */
  isAnswered(): boolean;
  close(): void;
}

/** What a program has sent, and which one it was by the kernel's word; valid only while it is taken. Nothing is in one that was too long. */
export interface Datagram {
  readonly bytes: Uint8Array;
  /** 0 where its process is in a world that we do not see. */
  readonly pid: number;
  readonly uid: number;
}

export interface Inbox {
  /** Why nothing can come in now; empty when it can. */
  readonly problem: string;
  /**
   * Takes in all that lies there. False where what programs sent may not have arrived: somebody removed the socket, or it could not be
   * made. Then it is made anew.
   */
  settle(): boolean;
}

export interface KernelLog {
  /**
   * The next record (Documentation/ABI/testing/dev-kmsg), valid until the next call; `lost`: some were overwritten before they were
   * read; undefined when there is none yet.
   */
  next(): Uint8Array | "lost" | undefined;
  /** Goes to the end: what is there now will not be read. */
  skip(): void;
}

/** The watchdog device, opened and so ticking. */
export interface Device {
  readonly identity: string;
  /** Whether the kernel forbids to stop it (`nowayout`). */
  readonly unstoppable: boolean;
  /** Whether it fired and so ended the boot before; undefined where it cannot say. */
  firedBefore(): boolean | undefined;
  /** 0, or a negative errno. */
  feed(): number;
  /** Seconds in force, or a negative errno where the driver does not tell. */
  timeout(): number;
  /** Seconds in force afterwards, or a negative errno. */
  setTimeout(seconds: number): number;
  /** Whether it ticks, asked of the hardware itself; undefined where it cannot be asked. What sysfs says of its state is no answer. */
  isArmed(): boolean | undefined;
  /** Starts a device anew that has fired and stopped ticking; seconds in force, or a negative errno. */
  rearm(seconds: number): number;
  /** Has the kernel told this many seconds before the fire; 0, or a negative errno. */
  setPretimeout(seconds: number): number;
  /** Seconds before the fire at which the kernel is told; 0: it is not. */
  readonly pretimeout: number;
  /** Magic close: stops the device, where the kernel lets it be stopped. */
  disarm(): void;
}

/** What a probe child did: the step that failed and its errno, or errno 0. */
export interface ProbeAnswer {
  readonly step: ProbeStep;
  readonly errno: number;
}

export const PROBE_STEPS = ["create", "write", "sync", "remove"] as const;
export type ProbeStep = (typeof PROBE_STEPS)[number];

/** One file system's probe child: at most one question is outstanding, and nobody waits for the answer. */
export interface Probe {
  /** Since when (ms) a question is outstanding, undefined when none is. */
  readonly askedAt: number | undefined;
  /** Asks for one create + write + fsync + remove; false when there is no child to ask and none could be forked. */
  ask(): boolean;
  /** The answer to the last question, once. */
  take(): ProbeAnswer | undefined;
  /** Asks it to write these last words to a file, if it still can; nobody waits. */
  record(lastWords: string): void;
  /** The kernel function in which the child sleeps (`/proc/PID/wchan`), empty when unknown. */
  sleepingIn(): string;
}
