/** The record of ends: what is written of it. */
import { encode } from "../src/bytes.ts";
import type { Job, RunningJob } from "../src/platform.ts";
import { parseRecord, RecordKeeper } from "../src/record.ts";
import { ScriptedPlatform } from "./scripted.ts";
import { suite } from "./vector.ts";

/** Keeps the last record that was written. */
class Disk extends ScriptedPlatform {
  written = "";

  override startJob(job: Job, deadline: number): RunningJob {
    if (job[0] === "save") this.written = job[2] as string;
    return super.startJob(job, deadline);
  }
}

/** Whether a record of ends with long reasons of this text goes into a job's request, and how many ends are in it. */
function fill(text: string): unknown {
  const platform = new Disk({});
  const record = new RecordKeeper(platform, {
    directory: "/state",
    machine: "machine",
    boot: "boot",
    limit: 3,
    window: 86_400,
    patience: 3000,
  });
  record.open(false);
  for (let at = 0; at < 40; at++) {
    record.noteWouldBe({ at, check: "file", reason: text.repeat(200), end: "alarm" });
    platform.runChildren();
    record.tend();
    platform.runChildren();
  }
  const ends = parseRecord(platform.written)?.wouldBe ?? [];
  return [encode(platform.written).length <= 3700, ends.length, ends.at(-1)?.at];
}

export const records = suite("record, filled with ends whose reasons are", fill, [
  ["ASCII", "x", [true, 16, 39]],
  ["of three bytes a letter", "\u65e5", [true, 6, 39]],
]);

/** What is on disk after an end that came while an earlier write was still out. */
function endInTheMidst(slow: boolean): unknown {
  const platform = new Disk({});
  const options = { directory: "/state", machine: "", boot: "", limit: 3, window: 86_400, patience: 3000 };
  const record = new RecordKeeper(platform, options);
  record.open(false);
  record.noteArmed(true);
  if (!slow) platform.runChildren();
  record.noteEnd({ at: 7, check: "memory", reason: "", end: "reboot" });
  return parseRecord(platform.written)?.end?.at;
}

export const endings = suite("record, an end", endInTheMidst, [
  ["is written", false, 7],
  ["is written after what was being written", true, 7],
]);
