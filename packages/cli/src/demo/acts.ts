/** The demo's acts: what happens to the guest in each, and how it is played. To add one is to add an entry here. */
import type { Beat, GuestMessage } from "@bernard/protocol";
import {
  exhaustMemory,
  failDisk,
  freeze,
  hang,
  type Step,
  type TestGuest,
  untilDiskWritable,
  watchRescue,
} from "@bernard/testbed";

export type WatchdogModel = "i6300esb" | "ib700";

/** How an act ended, as `--json` prints it. Times are null where the act has no such step. */
export interface ActResult {
  readonly name: string;
  /** The guest came back, or was rightly left alone. */
  readonly recovered: boolean;
  /** Untrusted text of the guest's; null when it said nothing. */
  readonly cause: string | null;
  readonly seconds: {
    readonly faultToFailed: number | null;
    readonly failedToFire: number | null;
    readonly fireToFeeding: number | null;
  };
}

/** Says a line of the act's timeline; `atMs` is the host's monotonic clock. */
export type Tell = (atMs: number, kind: Step["kind"] | "freeze" | "note", text: string) => void;

interface Stage {
  readonly guest: TestGuest;
  /** Seconds. */
  readonly timeout: number;
  readonly tell: Tell;
}

export interface Act {
  readonly name: string;
  readonly title: string;
  /** Whether the twin gets the same fault. */
  readonly twin: boolean;
  play(stage: Stage): Promise<ActResult>;
}

/** Seconds that a troubled guest may take until it is reset, besides the device's timeout. */
const PATIENCE_S = { disk: 40, memory: 100, hang: 20 };

/** Seconds from the fire to a guest that is fed again; an emulated boot takes 3 to 5 on an idle machine. */
const BOOT_S = 60;

export const acts: readonly Act[] = [
  {
    name: "disk",
    title: "the device under /data starts to fail; ext4 goes into its error state (errors=remount-ro)",
    twin: true,
    play: (stage) => rescue("disk", stage, () => failDisk(stage.guest), "every write to the device under /data fails"),
  },
  {
    name: "memory",
    title: "processes that the OOM killer may not touch take the memory and thrash the page cache",
    twin: false,
    play: (stage) =>
      rescue("memory", stage, () => exhaustMemory(stage.guest), "memory is taken until hardly any is available"),
  },
  {
    name: "hang",
    title: "a real-time loop above the daemon's priority takes every processor",
    twin: false,
    play: (stage) => rescue("hang", stage, () => hang(stage.guest), "nothing but the loop runs any more"),
  },
  {
    name: "freeze",
    title: "near-miss: a backup freezes /data for 20 s; this must be left alone",
    twin: false,
    play: playFreeze,
  },
];

export const actNames = acts.map((act) => act.name);

async function rescue(
  name: keyof typeof PATIENCE_S,
  { guest, timeout, tell }: Stage,
  fault: () => Promise<void>,
  what: string,
): Promise<ActResult> {
  await untilDiskWritable(guest);
  const faultAt = performance.now();
  await fault();
  const deadlines = { fireMs: (PATIENCE_S[name] + timeout) * 1000, feedingMs: BOOT_S * 1000 };
  const { cause, seconds } = await watchRescue(guest, faultAt, deadlines, (step) =>
    tell(step.atMs, step.kind, describe(step, what)),
  );
  const { faultToFailed, failedToFire, fireToFeeding } = seconds;
  // Back, and for the right reason: a guest that was reset for another, or whose disk is still dead, has not been rescued from this.
  const rightly = name === "hang" ? cause === null : cause?.startsWith(name) === true;
  const writes = (await guest.run("touch /data/after-reset && sync")).code === 0;
  if (!rightly)
    tell(performance.now(), "note", `reset without the cause that was expected, but: ${cause ?? "silence"}`);
  if (!writes) tell(performance.now(), "note", "its /data refuses writes");
  return { name, recovered: rightly && writes, cause, seconds: { faultToFailed, failedToFire, fireToFeeding } };
}

function describe(step: Step, what: string): string {
  switch (step.kind) {
    case "fault":
      return what;
    case "failing":
      return `${step.check.name}: ${step.check.reason}`;
    case "last-words":
      return `${step.words.check} failed: ${step.words.reason}`;
    case "feeding-ended":
      return `after ${step.feeds} feeds; timeout cut to the device's shortest`;
    case "fire":
      return `the watchdog device has reached zero; action ${step.action}`;
    case "reset":
      return "the hypervisor resets the guest";
    case "feeding-again":
      return `the guest is back: ${step.hello.device?.identity ?? "no device"}, timeout ${step.hello.device?.timeout ?? 0} s`;
  }
}

const FREEZE_S = 20;

/** The probe must be seen waiting, and known to be waiting for a freeze; nothing may fire. */
async function playFreeze({ guest, timeout, tell }: Stage): Promise<ActResult> {
  await untilDiskWritable(guest);
  const frozenAt = performance.now();
  tell(frozenAt, "freeze", "whoever writes to /data waits");
  await freeze(guest, FREEZE_S);
  const waits = (message: GuestMessage): message is Beat =>
    message.type === "beat" && message.checks.some((check) => check.readings.frozen === 1);
  const seen = await guest
    .nextMessage(waits, { deadlineMs: FREEZE_S * 1000, sinceMs: frozenAt })
    .catch(() => undefined);
  const waited = seen?.message.checks.find((check) => check.readings.frozen === 1)?.readings.waiting_s;
  if (seen !== undefined)
    tell(seen.atMs, "note", `the probe waits for ${waited} s and is known to wait for a freeze; fed on`);
  // Past the thaw by a whole timeout: had feeding ended in the freeze, the device would have fired by now.
  const quietMs = frozenAt + (FREEZE_S + timeout) * 1000 - performance.now();
  const fired = await guest.nextEvent("WATCHDOG", { deadlineMs: quietMs, sinceMs: frozenAt }).then(
    () => true,
    () => false,
  );
  if (fired) return withoutRescue("freeze", false, null);
  const writes = (await guest.run("touch /data/after-thaw && sync")).code === 0;
  const quiet = !guest.messages.some(({ atMs, message }) => atMs >= frozenAt && isTroubled(message));
  const said = quiet ? "no verdict" : "a check was failing";
  tell(
    performance.now(),
    "note",
    `${timeout} s after the thaw: ${said}, no fire; /data ${writes ? "takes" : "REFUSES"} writes`,
  );
  return withoutRescue("freeze", seen !== undefined && quiet && writes, null);
}

function isTroubled(message: GuestMessage): boolean {
  return message.type === "beat" && message.checks.some((check) => check.verdict !== "healthy");
}

/** The result of an act in which nothing was rescued, and so nothing has a time. */
export function withoutRescue(name: string, recovered: boolean, cause: string | null): ActResult {
  return { name, recovered, cause, seconds: { faultToFailed: null, failedToFire: null, fireToFeeding: null } };
}
