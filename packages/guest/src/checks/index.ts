/** Every kind of check there is; to add one is to add its file and one line here. */
import type { CheckKind } from "../check.ts";
import { allocation } from "./allocation.ts";
import { application } from "./application.ts";
import { disk } from "./disk.ts";
import { handles } from "./handles.ts";
import { heartbeatFile } from "./heartbeat-file.ts";
import { lateness } from "./lateness.ts";
import { load } from "./load.ts";
import { memory } from "./memory.ts";
import { oomKills } from "./oom-kills.ts";
import { processes } from "./processes.ts";
import { script } from "./script.ts";
import { swap } from "./swap.ts";
import { thrash } from "./thrash.ts";

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
  disk,
  application,
  script,
  heartbeatFile,
];
