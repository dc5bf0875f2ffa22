/**
 * The control protocol: a request is one line of words, its answer lines of JSON, then the connection ends.
 *
 *   status            {"status":{"version":...}}  {"check":{...}}...  {"would_fire":{...}}...  {"done":true}
 *   check NAME        {"check":{...}}  {"done":true}
 *   last              {"last":{...}}  {"done":true}
 *   mute SECONDS, unmute, reload      {"done":true}
 *
 * What went wrong is one line, {"error":"..."}. An answer without its last line is cut off.
 */
import type { CheckStatus, LastReport, StatusReport } from "./status.ts";
import { shorten, wholeNumber } from "./text.ts";

/** What the control socket needs of the daemon. None of it waits. */
export interface Controlled {
  status(): StatusReport;
  /** From now on, in the place of any mute before. */
  mute(seconds: number): void;
  unmute(): void;
  /** This check, looked at now; undefined where there is none of that name. */
  check(name: string): CheckStatus | undefined;
  /** Has the configuration read anew, after the answer. */
  requestReload(): void;
  last(): LastReport;
}

/** Longest mute: who needs more stops the daemon. */
export const LONGEST_MUTE_S = 86_400;

/** Bytes of an answer; lines that do not fit are left out and counted. */
const MOST_ANSWER = 64 * 1024;

/** Judges a request; the lines of the answer, each ended by a newline. */
export function answer(request: string, daemon: Controlled): string {
  const space = request.indexOf(" ");
  const command = space === -1 ? request : request.slice(0, space);
  const argument = space === -1 ? undefined : request.slice(space + 1);
  if ((argument !== undefined) !== (command === "mute" || command === "check")) return refuse(request);
  switch (command) {
    case "status":
      return tellStatus(daemon.status());
    case "check": {
      const check = daemon.check(argument as string);
      return check === undefined ? error(`there is no check '${shorten(argument as string)}'`) : lines([{ check }]);
    }
    case "last":
      return lines([{ last: daemon.last() }]);
    case "mute": {
      const seconds = wholeNumber(argument as string);
      if (!(seconds >= 1 && seconds <= LONGEST_MUTE_S))
        return error(`mute takes whole seconds from 1 to ${LONGEST_MUTE_S}`);
      daemon.mute(seconds);
      return lines([]);
    }
    case "unmute":
      daemon.unmute();
      return lines([]);
    case "reload":
      daemon.requestReload();
      return lines([]);
    default:
      return refuse(request);
  }
}

function tellStatus(status: StatusReport): string {
  const { checks, would_fire, ...head } = status;
  // The newest would-be fires first: they are what is left out last.
  const fires = [...would_fire].reverse();
  return lines([
    { status: head },
    ...checks.map((check) => ({ check })),
    ...fires.map((fire) => ({ would_fire: fire })),
  ]);
}

/** JSON escapes what is not ASCII, so that a UTF-16 unit is a byte and a reader needs no decoder. */
function lines(values: readonly object[]): string {
  let text = "";
  let left = 0;
  for (const value of values) {
    const line = `${ascii(JSON.stringify(value))}\n`;
    if (text.length + line.length + 100 <= MOST_ANSWER) text += line;
    else left += 1;
  }
  return `${text}${JSON.stringify(left === 0 ? { done: true } : { done: true, left_out: left })}\n`;
}

function ascii(json: string): string {
  let text = "";
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    text += code < 0x7f ? json[i] : `\\u${code.toString(16).padStart(4, "0")}`;
  }
  return text;
}

function refuse(request: string): string {
  return error(`'${shorten(request)}' is no request; see bernard-guest --help`);
}

function error(what: string): string {
  return `${ascii(JSON.stringify({ error: what }))}\n`;
}
