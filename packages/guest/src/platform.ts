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
  /** Where a symbolic link points, undefined where there is none. */
  readLink(path: string): string | undefined;
  /** Forks the child that touches the file system at `directory` in our place. */
  startProbe(directory: string): Probe;
  /** One line to the log (standard error) and, when `urgent`, to the kernel's log too. Dropped rather than waited for. */
  log(line: string, urgent?: boolean): void;
  /** One message to the host; false where there is no channel or the host does not take it. */
  send(line: string): boolean;
}

/** The watchdog device, opened and so ticking. */
export interface Device {
  readonly identity: string;
  /** Whether the kernel forbids to stop it (`nowayout`). */
  readonly unstoppable: boolean;
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
