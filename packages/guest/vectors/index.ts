/** All vectors; a new file of them is one line here. */

import * as alive from "./checks/alive.ts";
import * as application from "./checks/application.ts";
import * as cpu from "./checks/cpu.ts";
import * as disk from "./checks/disk.ts";
import * as file from "./checks/file.ts";
import * as handles from "./checks/handles.ts";
import * as kernelLog from "./checks/kernel-log.ts";
import * as memory from "./checks/memory.ts";
import * as network from "./checks/network.ts";
import * as oomKills from "./checks/oom-kills.ts";
import * as processes from "./checks/processes.ts";
import * as script from "./checks/script.ts";
import * as space from "./checks/space.ts";
import * as swap from "./checks/swap.ts";
import * as temperature from "./checks/temperature.ts";
import * as configuration from "./configuration.ts";
import * as control from "./control.ts";
import * as crashKernel from "./crash-kernel.ts";
import * as ends from "./ends.ts";
import * as heldCheck from "./held-check.ts";
import * as notify from "./notify.ts";
import * as parsers from "./parsers.ts";
import * as record from "./record.ts";
import * as reload from "./reload.ts";
import * as stories from "./stories.ts";
import * as tools from "./tools.ts";
import type { Suite } from "./vector.ts";

export const suites: readonly Suite[] = [
  alive,
  file,
  network,
  space,
  temperature,
  application,
  configuration,
  control,
  cpu,
  disk,
  crashKernel,
  ends,
  handles,
  heldCheck,
  kernelLog,
  memory,
  notify,
  oomKills,
  parsers,
  record,
  reload,
  script,
  processes,
  stories,
  swap,
  tools,
].flatMap((file) => Object.values<Suite>(file));
