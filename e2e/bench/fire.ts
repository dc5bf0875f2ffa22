/** From the verdict to the fire and the reset, on both devices, by a disk that stops writing. */
import { bootTestGuest, failDisk, type Image, watchRescue } from "@bernard/testbed";
import { DEADLINES, knowsDiskWritable } from "../stage.ts";
import type { Row } from "./print.ts";

const PROMISE_S = { i6300esb: 2.5, ib700: 3.5 } as const;
const CONF = "watchdog-timeout = 10\ndisk = /data\ndisk-probe-interval = 5\ndisk-hold = 5\nstate-directory = none\n";

export async function measureFire(image: Image): Promise<Row[]> {
  const rows: Row[] = [];
  for (const model of ["i6300esb", "ib700"] as const) {
    const guest = await bootTestGuest({ image, watchdog: model, feeder: "bernard", conf: CONF });
    try {
      await guest.nextMessage(knowsDiskWritable, { deadlineMs: DEADLINES.feedingMs, sinceMs: 0 });
      const faultAt = performance.now();
      await failDisk(guest);
      const { seconds } = await watchRescue(guest, faultAt, DEADLINES);
      rows.push({
        what: `failed to reset, ${model}`,
        unit: "s",
        ours: seconds.failedToReset ?? Number.NaN,
        limit: PROMISE_S[model],
      });
    } finally {
      await guest.stop();
    }
  }
  return rows;
}
