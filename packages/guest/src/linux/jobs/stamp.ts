/** A job that puts the time into watchdog(8)'s heartbeat file: lines of seconds since 1970, the last so many of them. */
import * as abi from "../abi.ts";
import * as system from "../system.ts";
import { load, save } from "./files.ts";
import type { JobTask } from "./job.ts";

/** Width of a line; watchdog(8) fills it from the left. */
const WIDTH = 11;
const START_MARK = "--restart--";

export const stamp: JobTask = (path = "", most = "", mark = "") => {
  const before = load(path);
  if (before.status !== 0 && before.status !== abi.ENOENT) return before;
  const lines = before.output.split("\n");
  const rest = lines.pop();
  // Any other file was named by mistake, and is not to be lost.
  if (rest !== "" || lines.some((line) => line.length !== WIDTH)) return { status: abi.EINVAL, output: "" };
  lines.push(mark === "" ? String(system.wallClock()).padStart(WIDTH) : START_MARK);
  return save(path, `${lines.slice(-Number(most)).join("\n")}\n`);
};
