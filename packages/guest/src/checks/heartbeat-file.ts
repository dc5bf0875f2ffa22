/**
 * No check but a trace, for the curious: `heartbeat-file` gets the time once a minute, and a mark at start, so that a gap shows when the
 * guest was down. A process of its own writes it; watchdog(8) does so itself with each feed, and hangs with the disk.
 */
import type { Check, CheckKind, Reading } from "../check.ts";
import type { Platform, RunningJob } from "../platform.ts";

/** Milliseconds from one line to the next, and for one to be written. */
const PERIOD = 60_000;

class HeartbeatFile implements Check {
  readonly name = "heartbeat-file";
  readonly end = "alarm";
  readonly code = 0;
  readonly period = PERIOD;
  readonly #platform: Platform;
  readonly #file: string;
  readonly #lines: string;
  #job: RunningJob | undefined;
  #status = 0;

  constructor(file: string, lines: number, platform: Platform) {
    this.#file = file;
    this.#lines = String(lines);
    this.#platform = platform;
  }

  read(): Reading {
    const before = this.#job;
    this.#status = before?.outcome?.status ?? this.#status;
    if (before === undefined || before.outcome !== undefined) {
      const mark = before === undefined ? "start" : "";
      this.#job = this.#platform.startJob(["stamp", this.#file, this.#lines, mark], PERIOD);
    }
    return { reason: "", readings: { last_write_errno: this.#status } };
  }
}

export const heartbeatFile: CheckKind = {
  keys: [
    {
      name: "heartbeat-file",
      type: "path",
      fallback: "none",
      help: "a file that gets the time once a minute, by a process of its own",
    },
    {
      name: "heartbeat-stamps",
      type: "number",
      whole: true,
      unit: "lines",
      min: 1,
      max: 2000,
      fallback: 300,
      help: "so many of them are kept",
    },
  ],
  create({ settings, platform, use }) {
    const file = settings.path("heartbeat-file");
    if (file === "none" || use === "once") return [];
    return [new HeartbeatFile(file, settings.number("heartbeat-stamps"), platform)];
  },
};
