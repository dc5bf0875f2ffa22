/** Watches one rescue from the fault to the moment the guest is fed again, and dates each step of it. */
import type { Beat, CheckReport, GuestMessage, Hello, LastWords } from "@bernard/protocol";
import { untilFed } from "./milestones.ts";
import type { Awaiting, Received, TestGuest } from "./test-guest.ts";

/** A step of a rescue; `atMs` is the host's monotonic clock. What the guest says is untrusted text. */
export type Step =
  | { readonly kind: "fault"; readonly atMs: number }
  | { readonly kind: "failing"; readonly atMs: number; readonly check: CheckReport }
  | { readonly kind: "last-words"; readonly atMs: number; readonly words: LastWords }
  | { readonly kind: "feeding-ended"; readonly atMs: number; readonly feeds: number }
  | { readonly kind: "fire"; readonly atMs: number; readonly action: string }
  | { readonly kind: "reset"; readonly atMs: number }
  | { readonly kind: "feeding-again"; readonly atMs: number; readonly hello: Hello };

/** How a rescue went. Seconds between its steps; null where a step did not happen (a hung guest has no last words). */
export interface Rescue {
  /** The failed check and its reason; null when the guest went silent. Untrusted text. */
  readonly cause: string | null;
  readonly seconds: {
    readonly faultToFailed: number | null;
    readonly failedToFire: number | null;
    readonly fireToFeeding: number;
    readonly failedToReset: number | null;
  };
}

export interface RescueDeadlines {
  /** From the fault to the fire, in milliseconds. */
  readonly fireMs: number;
  /** From the fire to feeding again, in milliseconds. */
  readonly feedingMs: number;
}

/**
 * Resolves when the guest is fed again after a fire; rejects, with the guest's console, when a step misses its deadline.
 * @param faultAt when the fault was put in place
 * @param tell hears each step as it happens
 */
export async function watchRescue(
  guest: TestGuest,
  faultAt: number,
  deadlines: RescueDeadlines,
  tell: (step: Step) => void = () => {},
): Promise<Rescue> {
  const awaiting = { deadlineMs: deadlines.fireMs, sinceMs: faultAt };
  tell({ kind: "fault", atMs: faultAt });
  const stop = tellLastWords(guest, awaiting, tell);
  // QEMU tells of the reset before the fire when it has merged two fires within a second; the fire is what counts.
  const fire = await guest.nextEvent("WATCHDOG", awaiting);
  stop();
  tell({ kind: "fire", atMs: fire.atMs, action: String(fire.data.action) });
  const reset = await guest.nextEvent("RESET", awaiting);
  tell({ kind: "reset", atMs: reset.atMs });
  const after = { deadlineMs: deadlines.feedingMs, sinceMs: Math.max(fire.atMs, reset.atMs) };
  const hello = await guest.nextMessage((message): message is Hello => message.type === "hello", after);
  const beat = await untilFed(guest, hello.atMs);
  tell({ kind: "feeding-again", atMs: beat.atMs, hello: hello.message });
  await guest.nextBoot(after); // the daemon may be up a moment before the guest takes commands
  const failed = guest.messages.find(({ atMs, message }) => atMs >= faultAt && message.type === "last-words") as
    | Received<LastWords>
    | undefined;
  const seconds = (from: number, to: number) => Math.round(to - from) / 1000;
  return {
    cause: failed === undefined ? null : `${failed.message.check}: ${failed.message.reason}`,
    seconds: {
      faultToFailed: failed === undefined ? null : seconds(faultAt, failed.atMs),
      failedToFire: failed === undefined ? null : seconds(failed.atMs, fire.atMs),
      fireToFeeding: seconds(fire.atMs, beat.atMs),
      failedToReset: failed === undefined ? null : seconds(failed.atMs, reset.atMs),
    },
  };
}

/**
 * Tells what the guest says before the fire, as it says it; a guest that says nothing (it hangs) is no error.
 * @returns ends the telling: what the guest says later belongs to another story
 */
function tellLastWords(guest: TestGuest, awaiting: Awaiting, tell: (step: Step) => void): () => void {
  let telling = true;
  const say = (step: Step) => {
    if (telling) tell(step);
  };
  const silent = () => {};
  const isBeat = (message: GuestMessage): message is Beat => message.type === "beat";
  const troubled =
    (verdict: CheckReport["verdict"]) =>
    (message: GuestMessage): message is Beat =>
      isBeat(message) && message.checks.some((check) => check.verdict === verdict);
  guest.nextMessage(troubled("failing"), awaiting).then(({ atMs, message }) => {
    for (const check of message.checks) if (check.verdict === "failing") say({ kind: "failing", atMs, check });
  }, silent);
  guest
    .nextMessage((message): message is LastWords => message.type === "last-words", awaiting)
    .then(({ atMs, message: words }) => say({ kind: "last-words", atMs, words }), silent);
  guest
    .nextMessage(troubled("failed"), awaiting)
    .then(({ atMs, message }) => say({ kind: "feeding-ended", atMs, feeds: message.feeds }), silent);
  return () => {
    telling = false;
  };
}
