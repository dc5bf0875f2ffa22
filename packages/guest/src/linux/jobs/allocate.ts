/** A job that takes memory and writes to all of it: whether it can be had. */
import * as abi from "../abi.ts";
import { writeOomScore } from "../child.ts";
import * as system from "../system.ts";
import type { JobTask } from "./job.ts";

/** Bytes written by one call. */
const PIECE = 64 * 1024 * 1024;

/** Highest score that there is: whatever the attempt drives the kernel to, it hits nobody else. */
const KILL_FIRST = 1000;

export const allocate: JobTask = (kib = "") => {
  writeOomScore(KILL_FIRST);
  const start = system.moveBreak(0);
  const end = start + Number(kib) * 1024;
  if (system.moveBreak(end) !== end) return { status: abi.ENOMEM, output: "" };
  const zeros = system.open("/dev/zero", abi.O_RDONLY);
  let at = start;
  while (at < end) {
    const got = system.readTo(zeros, at, Math.min(end - at, PIECE));
    if (got <= 0) return { status: Math.max(1, -got), output: "" };
    at += got;
  }
  return { status: 0, output: "" };
};
