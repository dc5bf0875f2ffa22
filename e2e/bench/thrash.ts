/** A guest whose memory is exhausted: how late it is fed while it thrashes, and how long until it is reset, beside watchdog's time. */

import type { Beat } from "@bernard/protocol";
import { bootTestGuest, exhaustMemory, type Image, quickConf, untilFed, watchRescue } from "@bernard/testbed";
import type { Measurement } from "@bernard/tools";
import { DEADLINES, isBeat } from "../stage.ts";
import { untilActive } from "./feeders.ts";

const TIMEOUT_S = 30;

/** memory-hold's default, in seconds: PSI's average over 10 s has caught up with the stall by then. */
const HOLD_S = 30;

/** Seconds of thrashing that lateness is counted over. */
const COUNTED_S = 120;

/** Rounds of a tenth of a second: enough of them for a hundredth to be more than one. */
const INTERVAL_S = 0.1;

export async function measureThrash(image: Image): Promise<Measurement[]> {
  return [...(await measureLateness(image)), ...(await measureReset(image))];
}

const isThrashing = (beat: Beat) => beat.checks.some(({ name, verdict }) => name === "memory" && verdict !== "healthy");

/** It only observes, so that it thrashes on. */
async function measureLateness(image: Image): Promise<Measurement[]> {
  const conf = `${quickConf(TIMEOUT_S)}mode = observe\ninterval = ${INTERVAL_S}\n`;
  const guest = await bootTestGuest({ image, watchdog: "i6300esb", feeder: "bernard", conf });
  try {
    await untilFed(guest);
    await exhaustMemory(guest);
    const first = await guest.nextMessage((message) => isBeat(message) && isThrashing(message), {
      deadlineMs: 120_000,
    });
    const last = await guest.nextMessage(
      (message) => isBeat(message) && message.at >= (first.message as Beat).at + COUNTED_S,
      { deadlineMs: (COUNTED_S + 60) * 1000 },
    );
    const [before, after] = [first.message as Beat, last.message as Beat];
    const beats = guest.messages.flatMap(({ message }) =>
      isBeat(message) && message.seq > before.seq ? [message] : [],
    );
    const late = (100 * (after.late_rounds - before.late_rounds)) / (after.rounds - before.rounds);
    return [
      { what: "feeds over 20 ms late while it thrashes", unit: "%", ours: late, limit: 1 },
      { what: "the latest of them", unit: "ms", ours: Math.max(...beats.map((beat) => beat.worst_late_ms)) },
    ];
  } finally {
    await guest.stop();
  }
}

async function measureReset(image: Image): Promise<Measurement[]> {
  const conf = quickConf(TIMEOUT_S).replace(/^memory-hold = .*$/m, `memory-hold = ${HOLD_S}`);
  const guest = await bootTestGuest({ image, watchdog: "i6300esb", feeder: "bernard", conf });
  try {
    await untilFed(guest);
    const faultAt = performance.now();
    await exhaustMemory(guest);
    const rescue = await watchRescue(guest, faultAt, DEADLINES);
    const stall = guest.messages.find(
      ({ atMs, message }) => atMs >= faultAt && isBeat(message) && isThrashing(message),
    )?.atMs;
    const reset = guest.events.find(({ atMs, name }) => atMs >= faultAt && name === "RESET")?.atMs;
    if (stall === undefined || reset === undefined) throw new Error(`no stall or no reset: ${rescue.cause}`);
    const seconds = (reset - stall) / 1000;
    const peer = await measurePeer(image);
    const hold = `hold time ${HOLD_S} s`;
    return [
      { what: `memory stall to reset, ${hold}`, unit: "s", ours: seconds, limit: HOLD_S + 3 },
      { what: "memory taken to reset", unit: "s", ours: (reset - faultAt) / 1000, peer },
    ];
  } finally {
    await guest.stop();
  }
}

/** Seconds that watchdog is given to end a guest that thrashes. */
const PATIENCE_S = 90;

/** Pages: 8 MiB, over 5 % of the guest, and well over what the kernel keeps for itself. */
const MIN_MEMORY = 2048;

/** watchdog with min-memory: it ends the guest on one reading of MemFree + Buffers + Cached below that, stalled or not. Infinity: it did not. */
async function measurePeer(image: Image): Promise<number> {
  const conf = `watchdog-device = /dev/watchdog\nwatchdog-timeout = ${TIMEOUT_S}\ninterval = 1\nrealtime = yes\npriority = 1\nmin-memory = ${MIN_MEMORY}\n`;
  const guest = await bootTestGuest({ image, watchdog: "i6300esb", feeder: "watchdog", conf });
  try {
    await untilActive(guest);
    const faultAt = performance.now();
    await exhaustMemory(guest);
    const reset = guest.nextEvent("RESET", { deadlineMs: PATIENCE_S * 1000, sinceMs: faultAt });
    return await reset.then(
      ({ atMs }) => (atMs - faultAt) / 1000,
      () => Number.POSITIVE_INFINITY,
    );
  } finally {
    await guest.stop();
  }
}
