/**
 * The sd_notify(3) protocol, as far as heartbeats need it: a datagram of lines VARIABLE=VALUE, in place and without a string more than
 * it takes.
 *
 *   WATCHDOG=1\nWATCHDOG_USEC=20000000\nSTATUS=42 jobs done
 */
import { decode, encode } from "./bytes.ts";

export interface Notification {
  /** WATCHDOG=1, or READY=1, with which a program's watched life begins. */
  readonly beats: boolean;
  /** WATCHDOG=trigger: the program itself asks for the end. */
  readonly triggers: boolean;
  readonly stops: boolean;
  /** Milliseconds from WATCHDOG_USEC; undefined where there is none, or no number. */
  readonly within: number | undefined;
  /** X_BERNARD_NAME: for which program a short-lived helper speaks; undefined where the sender speaks for itself. */
  readonly name: string | undefined;
}

const NEWLINE = 10;
const ZERO = 48;

const BEAT = encode("WATCHDOG=1");
const READY = encode("READY=1");
const TRIGGER = encode("WATCHDOG=trigger");
const STOPPING = encode("STOPPING=1");
const USEC = encode("WATCHDOG_USEC=");
const NAME = encode("X_BERNARD_NAME=");

/** Longest name of a program, in bytes: where the kernel cuts it (TASK_COMM_LEN, proc(5)). */
export const LONGEST_NAME = 15;

/** Digits of a number that JavaScript still counts exactly. */
const MOST_DIGITS = 15;

/** What a datagram says. What we do not know is no error: programs tell systemd much more. */
export function parseNotification(bytes: Uint8Array): Notification {
  let beats = false;
  let triggers = false;
  let stops = false;
  let within: number | undefined;
  let name: string | undefined;
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline === -1 ? bytes.length : newline;
    if (isLine(bytes, start, end, BEAT) || isLine(bytes, start, end, READY)) beats = true;
    else if (isLine(bytes, start, end, TRIGGER)) triggers = true;
    else if (isLine(bytes, start, end, STOPPING)) stops = true;
    else if (startsWith(bytes, start, end, USEC)) within = milliseconds(bytes, start + USEC.length, end);
    else if (startsWith(bytes, start, end, NAME)) {
      const at = start + NAME.length;
      if (end > at && end - at <= LONGEST_NAME) name = decode(bytes.subarray(at, end));
    }
    start = end + 1;
  }
  return { beats, triggers, stops, within, name };
}

function isLine(bytes: Uint8Array, start: number, end: number, line: Uint8Array): boolean {
  return end - start === line.length && startsWith(bytes, start, end, line);
}

function startsWith(bytes: Uint8Array, start: number, end: number, prefix: Uint8Array): boolean {
  if (end - start < prefix.length) return false;
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}

/** Undefined for what is not a plain number of microseconds. */
function milliseconds(bytes: Uint8Array, at: number, end: number): number | undefined {
  if (end === at || end - at > MOST_DIGITS) return undefined;
  let value = 0;
  for (let i = at; i < end; i++) {
    const digit = (bytes[i] as number) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value / 1000;
}
