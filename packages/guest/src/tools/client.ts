/** Asks the daemon on its control socket. */
import { decode, encode } from "../bytes.ts";
import type { Settings } from "../config.ts";
import { complain, pathOrNone } from "../configure.ts";
import * as abi from "../linux/abi.ts";
import { connectTo, controlPath } from "../linux/sockets.ts";
import * as system from "../linux/system.ts";
import type { Bite } from "../record.ts";
import type { CheckStatus, LastReport, StatusReport } from "../status.ts";

/** A daemon that is busy or stopped for longer (ms) gives no answer. */
const PATIENCE = 10_000;

/** Bytes of an answer: more than the daemon sends. */
const MOST_ANSWER = 128 * 1024;

/** A line of the answer, as control.ts tells. */
export interface Line {
  readonly status?: Omit<StatusReport, "checks" | "would_fire">;
  readonly check?: CheckStatus;
  readonly would_fire?: Bite;
  readonly last?: LastReport;
  readonly error?: string;
  readonly done?: true;
  readonly left_out?: number;
}

/** The answer's lines without the last one, `left_out` from it; undefined where there is none, which is said on standard error. */
export function ask(request: string, settings: Settings): { lines: Line[]; leftOut: number } | undefined {
  const answer = exchange(request, settings);
  if ("problem" in answer) {
    complain(answer.problem);
    return undefined;
  }
  const lines = linesOf(answer.text);
  const end = lines.pop();
  if (end?.done) return { lines, leftOut: end.left_out ?? 0 };
  complain(end?.error ?? "the daemon's answer is cut off; try again");
  return undefined;
}

/** What the daemon says, or why it says nothing. */
export function exchange(request: string, settings: Settings): { text: string } | { problem: string } {
  const directory = pathOrNone(settings, "runtime-directory");
  if (directory === undefined) return { problem: "runtime-directory is none, so the daemon cannot be asked" };
  const path = controlPath(directory);
  system.maskSignals(abi.SIG_BLOCK, [abi.SIGPIPE]);
  const fd = connectTo(path, abi.SOCK_STREAM);
  if (fd < 0) return { problem: `${path}: ${explain(-fd)}` };
  system.write(fd, encode(`${request}\n`));
  const until = now() + PATIENCE;
  const bytes: number[] = [];
  while (bytes.length < MOST_ANSWER) {
    if (system.poll([{ fd, events: abi.POLLIN }], Math.max(0, until - now())).length === 0)
      return { problem: `${path}: the daemon does not answer within ${PATIENCE / 1000} s` };
    const chunk = system.readFrom(fd, 4096);
    if (typeof chunk === "number" || chunk.length === 0) break;
    for (const byte of chunk) bytes.push(byte);
  }
  return { text: decode(new Uint8Array(bytes)) };
}

/** Lines that are no objects are left out: then the last one is missing, and the answer is cut off. */
export function linesOf(text: string): Line[] {
  return text.split("\n").flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === "object" && value !== null ? [value] : [];
    } catch {
      return [];
    }
  });
}

function explain(errno: number): string {
  switch (errno) {
    case abi.ENOENT:
    case abi.ECONNREFUSED:
      return "nobody listens there; is the daemon running, with this configuration?";
    case abi.EACCES:
      return "only root may ask the daemon";
    case abi.EAGAIN:
      return "too many ask the daemon at once; try again";
    default:
      return `the daemon cannot be asked (errno ${errno})`;
  }
}
