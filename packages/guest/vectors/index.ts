/** All vectors; a new file of them is one line here. */
import * as configuration from "./configuration.ts";
import * as ends from "./ends.ts";
import * as parsers from "./parsers.ts";
import * as stories from "./stories.ts";
import type { Suite } from "./vector.ts";

export const suites: readonly Suite[] = [configuration, ends, parsers, stories].flatMap((file) =>
  Object.values<Suite>(file),
);
