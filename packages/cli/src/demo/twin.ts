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

/** watchdog has the device open. Opening arms it, so as long as it is open and does not fire, it is fed. */
const HOLDS_DEVICE = "ls -l /proc/$(pidof watchdog)/fd | grep -q '/dev/watchdog$'";

/** Resolves a timeout and two seconds after the fault: unfed, the device would have fired by then. */
export async function playTwin(twin: TestGuest, timeout: number, tell: Tell): Promise<TwinResult> {
  const { code } = await twin.run(`for try in $(seq 50); do ${HOLDS_DEVICE} && exit; usleep 100000; done; exit 1`);
  if (code !== 0)
    throw new Error(
      `twin: watchdog 5.16 does not hold its device, so it proves nothing\n${(await twin.consoleTail()).join("\n")}`,
    );
  const faultAt = performance.now();
  await failDisk(twin);
  const fired = await twin.nextEvent("WATCHDOG", { deadlineMs: (timeout + 2) * 1000, sinceMs: faultAt }).then(
    () => true,
    () => false,
  );
  const stillFed = !fired && (await twin.run(HOLDS_DEVICE)).code === 0;
  const writesRefused = stillFed && (await twin.run("touch /data/twin")).code !== 0;
  const secondsAfterFault = Math.round((performance.now() - faultAt) / 100) / 10;
  const fed = stillFed ? "is still fed" : fired ? "was reset" : "is not fed";
  const disk = writesRefused ? ", though its /data refuses every write" : "";
  tell(performance.now(), "note", `twin (watchdog 5.16, same fault): ${secondsAfterFault} s later it ${fed}${disk}`);
  return { stillFed, writesRefused, secondsAfterFault };
}
