/** What test and repair programs have in common: how long at most, and where their output goes. */
import type { Settings } from "./config.ts";

/** Seconds that stand for "as long as it takes": a hang for ever would be no verdict at all. */
export const NO_LIMIT = 3600;

/** One file each for standard output and error, anew with each run: a path without its ending; empty where `log-dir` is none. */
export function logFor(settings: Settings, program: string): string {
  const folder = settings.path("log-dir");
  // Not the bare name: two folders may have a program of the same one.
  return folder === "none" ? "" : `${folder}/${program.slice(1).replaceAll("/", "-")}`;
}
