/** What a job's process does, by name; to add one is to add its file, its name in platform.ts and one line here. */
import type { JobName } from "../../platform.ts";
import { allocate } from "./allocate.ts";
import { load, save } from "./files.ts";
import type { JobTask } from "./job.ts";
import { openFile } from "./open-file.ts";
import { oldest } from "./process.ts";
import { readDevice } from "./read-device.ts";
import { hottest } from "./sensors.ts";
import { stamp } from "./stamp.ts";
import { mtime, statfs } from "./status.ts";
import { thaw } from "./thaw.ts";
import { tick } from "./tick.ts";

/** `exec` and `test` are not here: their process becomes another program. */
export const tasks: Readonly<Record<Exclude<JobName, "exec" | "test">, JobTask>> = {
  load,
  save,
  stamp,
  hottest,
  mtime,
  oldest,
  statfs,
  allocate,
  openFile,
  tick,
  readDevice,
  thaw,
};
