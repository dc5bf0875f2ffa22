/** Jobs that ask a file system about itself or a file: either waits for as long as its disk or server does. */
import * as system from "../system.ts";
import type { JobTask } from "./job.ts";

/** `BLOCK-SIZE BLOCKS FREE AVAILABLE INODES FREE READ-ONLY`: statfs(2)'s numbers, the last one 0 or 1. */
export const statfs: JobTask = (path = "") => {
  const status = system.fileSystemStatus(path);
  if (typeof status === "number") return { status: -status, output: "" };
  const { blockSize, blocks, free, available, inodes, freeInodes, readOnly } = status;
  return { status: 0, output: [blockSize, blocks, free, available, inodes, freeInodes, Number(readOnly)].join(" ") };
};

/** When the file's content last changed. */
export const mtime: JobTask = (path = "") => {
  const time = system.modificationTime(path);
  return typeof time === "number" ? { status: -time, output: "" } : { status: 0, output: time };
};
