/** A job that looks for a process: there may be ten thousand, too many for a round of the daemon's. */
import { parseProcess } from "../../kernel/process-status.ts";
import { wholeNumber } from "../../text.ts";
import * as system from "../system.ts";
import type { JobTask } from "./job.ts";

const ESRCH = 3;

/** The id of the oldest living process of this name; of a service with many, it is the one that keeps the others. */
export const oldest: JobTask = (name = "") => {
  let found: { readonly pid: string; readonly startedAt: number } | undefined;
  system.eachName("/proc", (pid) => {
    if (Number.isNaN(wholeNumber(pid))) return;
    const bytes = system.readWhole(`/proc/${pid}/stat`);
    const status = typeof bytes === "number" ? undefined : parseProcess(bytes);
    if (!status?.alive || status.name !== name || status.startedAt >= (found?.startedAt ?? Infinity)) return;
    found = { pid, startedAt: status.startedAt };
  });
  return found === undefined ? { status: ESRCH, output: "" } : { status: 0, output: found.pid };
};
