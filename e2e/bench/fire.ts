/** From QEMU's start to the first feed, and from the verdict to the reset, on both devices, by a disk that stops writing. */

import {
  bootTestGuest,
  failDisk,
  type Image,
  quickConf,
  untilDiskWritable,
  untilFed,
  watchRescue,
} from "@bernard/testbed";
import type { Measurement } from "@bernard/tools";
import { DEADLINES } from "../stage.ts";

const PROMISE_S = { i6300esb: 2.5, ib700: 3.5 } as const;
const TIMEOUT_S = 10;

export async function measureFire(image: Image): Promise<Measurement[]> {
  const rows: Measurement[] = [];
  for (const model of ["i6300esb", "ib700"] as const) {
    const began = performance.now();
    const guest = await bootTestGuest({ image, watchdog: model, feeder: "bernard", conf: quickConf(TIMEOUT_S) });
    try {
      const first = await untilFed(guest);
      rows.push({ what: `boot to feeding, ${model}`, unit: "s", ours: (first.atMs - began) / 1000, limit: 5 });
      await untilDiskWritable(guest);
      const faultAt = performance.now();
      await failDisk(guest);
      const { seconds } = await watchRescue(guest, faultAt, DEADLINES);
      const { faultToFailed, failedToReset } = seconds;
      const whole = faultToFailed === null || failedToReset === null ? Number.NaN : faultToFailed + failedToReset;
      rows.push({ what: `ext4 in error state to reset, ${model}`, unit: "s", ours: whole, limit: 4 });
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
