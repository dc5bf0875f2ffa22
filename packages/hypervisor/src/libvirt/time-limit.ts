/** A deadline and a caller's signal as one signal, for what libvirt is asked. */
import { TimeLimit as AnyTimeLimit } from "../time-limit.ts";
import { LibvirtDeadlineError } from "./errors.ts";

export interface CallOptions {
  /** Milliseconds from now until it is given up: 10 s where nothing is said. */
  readonly deadlineMs?: number | undefined;
  /** Gives it up when it is aborted; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export class TimeLimit extends AnyTimeLimit {
  /** @param awaited what the error says was awaited */
  constructor(awaited: string, options: CallOptions) {
    super((deadlineMs) => new LibvirtDeadlineError(awaited, deadlineMs), options);
  }
}
