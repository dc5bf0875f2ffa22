/** All vectors; a new file of them is one line here. */
import * as application from "./checks/application.ts";
import * as configuration from "./configuration.ts";
import * as control from "./control.ts";
import * as ends from "./ends.ts";
import * as notify from "./notify.ts";
import * as parsers from "./parsers.ts";
import * as stories from "./stories.ts";
import type { Suite } from "./vector.ts";

export const suites: readonly Suite[] = [application, configuration, control, ends, notify, parsers, stories].flatMap(
  (file) => Object.values<Suite>(file),
);
