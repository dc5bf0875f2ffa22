/** The record of ends: what is written of it. */
import { encode } from "../src/bytes.ts";
import type { Job, JobOutcome, RunningJob } from "../src/platform.ts";
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
    record.tend(platform.now());
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

interface Boot {
  /** What the state directory is, by seconds since boot: what reading the record brings, and the errno of writing it. */
  readonly disk: readonly { readonly at: number; readonly load: JobOutcome; readonly save: number }[];
}

const nothing: JobOutcome = { status: 2, output: "" };
const left = (fields: object): JobOutcome => ({
  status: 0,
  output: JSON.stringify({ machine: "machine", boot: "before", ...fields }),
});

/** Whether the record is kept, and the ends that it counts, 45 s and three minutes after boot. */
function bootWith({ disk }: Boot): unknown {
  const platform = new LateDisk({});
  const record = new RecordKeeper(platform, {
    directory: "/state",
    machine: "machine",
    boot: "boot",
    limit: 3,
    window: 86_400,
    patience: 3000,
  });
  const seen: unknown[] = [];
  for (let second = 0; second <= 180; second++) {
    platform.advance(second);
    for (const change of disk) if (change.at === second) platform.become(change);
    if (second === 0) record.open(undefined);
    else record.tend(platform.now());
    platform.runChildren();
    if (second === 45 || second === 180) seen.push([record.isKept, record.used()]);
  }
  return seen;
}

/** A record is read back as it was written, unless another disk has come in its place. */
class LateDisk extends ScriptedPlatform {
  #load = nothing;
  #save = 0;

  become({ load, save }: { readonly load: JobOutcome; readonly save: number }): void {
    this.#load = load;
    this.#save = save;
  }

  override startJob(job: Job, deadline: number): RunningJob {
    const outcome = job[0] === "load" ? this.#load : { status: this.#save, output: "" };
    if (job[0] === "save" && this.#save === 0) this.#load = { status: 0, output: job[2] as string };
    this.change({ at: 0, jobs: { [job.join(" ")]: outcome } });
    return super.startJob(job, deadline);
  }
}

const EROFS = 30;
const epoch = 1_000_000_000;
const armedBefore = left({ armed: true, bites: [epoch - 60] });

export const early = suite("record, early in the boot", bootWith, [
  [
    "there from the start",
    { disk: [{ at: 0, load: armedBefore, save: 0 }] },
    [
      [true, 2],
      [true, 2],
    ],
  ],
  [
    "a root that is read-only until it is checked",
    {
      disk: [
        { at: 0, load: armedBefore, save: EROFS },
        { at: 20, load: armedBefore, save: 0 },
      ],
    },
    [
      [true, 2],
      [true, 2],
    ],
  ],
  [
    "a folder below, before the file system is mounted over it",
    {
      disk: [
        { at: 0, load: nothing, save: 0 },
        { at: 10, load: armedBefore, save: 0 },
      ],
    },
    [
      [true, 2],
      [true, 2],
    ],
  ],
  [
    "never to be written, whatever it says",
    { disk: [{ at: 0, load: armedBefore, save: EROFS }] },
    [
      [false, 2],
      [false, 2],
    ],
  ],
  [
    "kept once, it counts as kept when the disk dies",
    {
      disk: [
        { at: 0, load: armedBefore, save: 0 },
        { at: 60, load: { status: 5, output: "" }, save: EROFS },
      ],
    },
    [
      [true, 2],
      [true, 2],
    ],
  ],
]);
