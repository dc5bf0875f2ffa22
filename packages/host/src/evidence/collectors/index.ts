/** All evidence that is taken. What vanishes first is taken first, and all at the same time. */
import type { Collector } from "../collector.ts";
import { beats } from "./beats.ts";
import { consoleTail } from "./console.ts";
import { counters } from "./counters.ts";
import { emulatorLog } from "./emulator-log.ts";
import { lastWords } from "./last-words.ts";
import { screenshot } from "./screenshot.ts";

export const collectors: readonly Collector[] = [lastWords, beats, consoleTail, counters, screenshot, emulatorLog];
