/** What can go wrong with a QEMU process and its monitor: one class per failure, each with a stable `code` and a hint. */
import { UserError } from "@bernard/tools";

/** QEMU refused or failed a command; `errorClass` and `description` are its own words. */
export class QmpCommandError extends UserError {
  readonly code = "QMP_COMMAND";
  readonly errorClass: string;
  readonly description: string;

  constructor(command: string, errorClass: string, description: string) {
    super(`QEMU refused ${command}: ${description}`, "check the command's arguments and the state of the guest");
    this.errorClass = errorClass;
    this.description = description;
  }
}

/** Nothing came in time: no greeting, no reply or no event. A QEMU on stuck storage answers nothing at all. */
export class QmpDeadlineError extends UserError {
  readonly code = "QMP_DEADLINE";

  constructor(awaited: string, deadlineMs: number) {
    const hint = "the machine may be overloaded, or the guest's storage stuck; if it stays so, end that QEMU process";
    super(`no ${awaited} from QEMU within ${deadlineMs / 1000} s`, hint, 3);
  }
}

/** The monitor's connection is closed; what was under way on it has no known outcome. */
export class QmpClosedError extends UserError {
  readonly code = "QMP_CLOSED";

  constructor(cause?: Error) {
    const why = cause === undefined ? "" : ` (${cause.message})`;
    super(`QEMU's monitor is closed${why}`, "its process has most likely ended; look at the guest's console log", 3);
    this.cause = cause;
  }
}

/** QEMU ended before the guest ran; `complaint` is the last line it wrote. */
export class GuestStartError extends UserError {
  readonly code = "GUEST_START";

  constructor(name: string, complaint: string) {
    super(`guest ${name} did not start: ${complaint}`, "check the files and the sizes given for it");
  }
}
