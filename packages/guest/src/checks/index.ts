/** Every kind of check there is; to add one is to add its file and one line here. */
import type { CheckKind } from "../check.ts";
import { alive } from "./alive.ts";
import { allocation } from "./allocation.ts";
import { application } from "./application.ts";
import { carrier } from "./carrier.ts";
import { disk } from "./disk.ts";
import { file } from "./file.ts";
import { handles } from "./handles.ts";
import { heartbeatFile } from "./heartbeat-file.ts";
import { networkInterface } from "./interface.ts";
import { kernelLog } from "./kernel-log.ts";
import { lateness } from "./lateness.ts";
import { load } from "./load.ts";
import { memory } from "./memory.ts";
import { oomKills } from "./oom-kills.ts";
import { ping } from "./ping.ts";
import { processes } from "./processes.ts";
import { script } from "./script.ts";
import { space } from "./space.ts";
import { swap } from "./swap.ts";
import { temperature } from "./temperature.ts";
import { thrash } from "./thrash.ts";

// The kernel's log before the disks, which go by it.
export const checkKinds: readonly CheckKind[] = [
  memory,
  allocation,
  thrash,
  swap,
  oomKills,
  load,
  lateness,
  processes,
  handles,
  kernelLog,
  disk,
  space,
  file,
  alive,
  ping,
  networkInterface,
  carrier,
  temperature,
  application,
  script,
  heartbeatFile,
];
