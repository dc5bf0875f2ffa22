/** All vectors; a new file of them is one line here. */
import * as heartbeat from "./checks/heartbeat.ts";
import * as configuration from "./configuration.ts";
import * as control from "./control.ts";
import * as ends from "./ends.ts";
import * as notify from "./notify.ts";
import * as parsers from "./parsers.ts";
import * as stories from "./stories.ts";
import type { Suite } from "./vector.ts";

export const suites: readonly Suite[] = [configuration, control, ends, heartbeat, notify, parsers, stories].flatMap(
  (file) => Object.values<Suite>(file),
);
