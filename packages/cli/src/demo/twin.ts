/** The twin: the same guest, fed by Debian's watchdog 5.16 with the checks that it has; it gets the same dead disk. */
import { bootTestGuest, failDisk, type Image, type TestGuest } from "@bernard/testbed";
import type { Tell, WatchdogModel } from "./acts.ts";

/** Its usual tests, and the nearest that it has to a disk check: stat of a file in the file system. */
const conf = (timeout: number) => `watchdog-device = /dev/watchdog
watchdog-timeout = ${timeout}
interval = 1
realtime = yes
priority = 1
retry-timeout = 5
max-load-1 = 24
min-memory = 1
file = /data
`;

export function bootTwin(image: Image, model: WatchdogModel, timeout: number): Promise<TestGuest> {
  return bootTestGuest({ image, name: "twin", watchdog: model, feeder: "watchdog", conf: conf(timeout) });
}

/** Whether it is still fed, a whole timeout and more after its disk died. */
export interface TwinResult {
  readonly stillFed: boolean;
  readonly writesRefused: boolean;
  readonly secondsAfterFault: number;
}

/** Resolves a timeout and two seconds after the fault: unfed, the device would have fired by then. */
export async function playTwin(twin: TestGuest, timeout: number, tell: Tell): Promise<TwinResult> {
  const faultAt = performance.now();
  await failDisk(twin);
  const stillFed = await twin.nextEvent("WATCHDOG", { deadlineMs: (timeout + 2) * 1000, sinceMs: faultAt }).then(
    () => false,
    () => true,
  );
  const writesRefused = stillFed && (await twin.run("touch /data/twin")).code !== 0;
  const secondsAfterFault = Math.round((performance.now() - faultAt) / 100) / 10;
  const fed = stillFed ? "is still fed" : "was reset";
  const disk = writesRefused ? ", though its /data refuses every write" : "";
  tell(performance.now(), "note", `twin (watchdog 5.16, same fault): ${secondsAfterFault} s later it ${fed}${disk}`);
  return { stillFed, writesRefused, secondsAfterFault };
}
