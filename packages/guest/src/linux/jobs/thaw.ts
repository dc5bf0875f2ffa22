/** Job: ends a freeze of the file system mounted at a point (ioctl_fifreeze(2), fsfreeze(8)). */
import * as abi from "../abi.ts";
import * as system from "../system.ts";
import type { JobTask } from "./job.ts";

export const thaw: JobTask = (point = "") => {
  const fd = system.open(point, abi.O_RDONLY);
  const result = fd < 0 ? fd : system.ioctl(fd, abi.FITHAW);
  return { status: -Math.min(result, 0), output: "" };
};
