/** From QEMU's start to the first feed, and from the verdict to the reset, on both devices, by a disk that stops writing. */
import type { Beat } from "@bernard/protocol";
import { bootTestGuest, failDisk, type Image, quickConf, watchRescue } from "@bernard/testbed";
import { DEADLINES, untilDiskWritable } from "../stage.ts";
import type { Row } from "./print.ts";

const PROMISE_S = { i6300esb: 2.5, ib700: 3.5 } as const;
const TIMEOUT_S = 10;

export async function measureFire(image: Image): Promise<Row[]> {
  const rows: Row[] = [];
  for (const model of ["i6300esb", "ib700"] as const) {
    const began = performance.now();
    const guest = await bootTestGuest({ image, watchdog: model, feeder: "bernard", conf: quickConf(TIMEOUT_S) });
    try {
      const fed = (message: { type: string }): message is Beat =>
        message.type === "beat" && (message as Beat).feeds > 0;
      const first = await guest.nextMessage(fed, { deadlineMs: DEADLINES.feedingMs, sinceMs: 0 });
      rows.push({ what: `boot to feeding, ${model}`, unit: "s", ours: (first.atMs - began) / 1000, limit: 5 });
      await untilDiskWritable(guest);
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
