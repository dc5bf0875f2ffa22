/** Its watchdog has paused the guest, and nobody came. */
import type { GuestRecord } from "../guest-record.ts";
import type { Settings } from "../settings.ts";
import type { Rule } from "./rule.ts";
import { isPausedBy } from "./states.ts";

export const watchdogPause: Rule = {
  sign: "watchdog-pause",
  found({ now, input, settings }) {
    if (!isPausedBy(now, "watchdog") || input.at < dueAt(now, settings)) return undefined;
    return `paused by its watchdog for ${Math.round((input.at - now.stateSince) / 1000)} s`;
  },
  dueAt: (now, settings) => (isPausedBy(now, "watchdog") ? dueAt(now, settings) : undefined),
  lasts: (now) => isPausedBy(now, "watchdog"),
  // The i6300esb has switched itself off: resumed alone, the guest would hang on, unwatched.
  remedy: () => ({ remedy: "reset and resume", why: "it hung, and its watchdog is off since it fired" }),
};

/** libvirt pauses a guest to dump it too, and resumes it itself. */
const dueAt = (now: GuestRecord, { pausedMs, dumpMs }: Settings): number =>
  now.stateSince + (now.action === "dump" ? dumpMs : pausedMs);
