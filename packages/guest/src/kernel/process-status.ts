/**
 * One process as /proc/PID/stat shows it (proc(5)), which takes no lock that a sick process could hold:
 *
 *   812 (sshd) S 1 812 812 0 -1 4194560 ... 2214
 *   id  name   state, then by number: 22 is when it started, in ticks since boot. A name may have spaces and parentheses in it.
 */
import { decode, numberAt } from "../bytes.ts";

export interface ProcessStatus {
  /** As the kernel knows it: 15 bytes at most. */
  readonly name: string;
  /** A zombie is not: it waits to be buried. */
  readonly alive: boolean;
  /** Ticks since boot; with the id, it tells a process from a later one that was given the same id. */
  readonly startedAt: number;
}

const SPACE = 32;
const OPEN = 40;
const CLOSE = 41;

/** Zombie, dead, and dead as older kernels write it. */
const ENDED = ["Z", "X", "x"];

/** Fields from the state (3) to the start (22). */
const FIELDS_TO_START = 19;

/** Undefined where this is no such text. */
export function parseProcess(bytes: Uint8Array): ProcessStatus | undefined {
  const open = bytes.indexOf(OPEN);
  const close = bytes.lastIndexOf(CLOSE);
  if (open === -1 || close < open) return undefined;
  let at = close + 2;
  const state = String.fromCharCode(bytes[at] ?? 0);
  for (let field = 0; field < FIELDS_TO_START; field++) {
    const space = bytes.indexOf(SPACE, at);
    if (space === -1) return undefined;
    at = space + 1;
  }
  const startedAt = numberAt(bytes, at);
  if (Number.isNaN(startedAt)) return undefined;
  return { name: decode(bytes.subarray(open + 1, close)), alive: !ENDED.includes(state), startedAt };
}
