/** The emulator has ended, and nobody had asked it to. */
import type { Rule } from "./rule.ts";

/** Milliseconds in which libvirt notices that a watchdog has powered the guest off: it tells that as a failure (1.8 s measured). */
const POWEROFF_MS = 10_000;

export const emulatorCrash: Rule = {
  sign: "emulator-crash",
  found({ before, now, input }) {
    const { state, reason } = now.guest;
    if (state !== "shutoff" || before.guest.state === "shutoff") return undefined;
    if (reason !== "failed" && reason !== "crashed") return undefined;
    if (before.guest.state === "unknown" && input.type === "seen") return undefined; // how long ago, nobody knows
    const { lastFire } = now;
    if (lastFire?.action === "poweroff" && input.at - lastFire.at < POWEROFF_MS) return undefined;
    // libvirt calls it crashed, too, where it finds an emulator gone that it had left running.
    if (input.type === "seen") return "its emulator ended by itself, or was killed, while nobody listened";
    return reason === "crashed" ? "it ended in a panic" : "its emulator ended by itself, or was killed";
  },
  lasts: (now) => now.guest.state === "shutoff" && now.guest.reason !== "destroyed",
  remedy: () => ({ remedy: "start", why: "it is off, and nobody had it so" }),
};
