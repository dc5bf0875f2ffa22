/** Every sign that is looked for. Of several in one step the first is told first. */
import { emulatorCrash } from "./emulator-crash.ts";
import { emulatorStuck } from "./emulator-stuck.ts";
import { fire } from "./fire.ts";
import { hungBoot } from "./hung-boot.ts";
import { lastWords } from "./last-words.ts";
import { panic } from "./panic.ts";
import { resetLoop } from "./reset-loop.ts";
import type { Rule } from "./rule.ts";
import { silence } from "./silence.ts";
import { storagePause } from "./storage-pause.ts";
import { watchdogPause } from "./watchdog-pause.ts";

export const rules: readonly Rule[] = [
  lastWords,
  fire,
  panic,
  watchdogPause,
  storagePause,
  emulatorStuck,
  emulatorCrash,
  resetLoop,
  silence,
  hungBoot,
];
