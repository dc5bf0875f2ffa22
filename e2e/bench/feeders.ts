/** The two feeders with the same checks, as far as watchdog 5.16 has them: memory, and a look at the data file system. */
import type { TestGuest } from "@bernard/testbed";
import { sh } from "../stage.ts";

/** Seconds between two rounds, the same for both. */
export const INTERVAL_S = 1;

export function bernardConf(options: {
  readonly device: string;
  readonly disk: string;
  readonly realtime: boolean;
}): string {
  return `watchdog-device = ${options.device}
watchdog-timeout = 30
interval = ${INTERVAL_S}
realtime = ${options.realtime ? "yes" : "no"}
disk = ${options.disk}
channel = none
`;
}

/** Every kind of check that needs nothing of the guest but itself, those of watchdog(8)'s keys included. */
export const everyCheck = (dir: string) => `min-memory = 1
allocatable-memory = 1
max-swap = 1000000
max-load-1 = 1000
kernel-message = nothing says this
file = /proc/uptime
change = 3600
pidfile = ${dir}/feeder.pid
process = init
ping = 127.0.0.1
interface = lo
carrier = lo
heartbeat = nobody 30
test-binary = /bin/true
heartbeat-file = ${dir}/heartbeats
log-dir = ${dir}
state-directory = ${dir}
runtime-directory = ${dir}
`;

/** min-memory reads /proc/meminfo; `file` has a child stat a path, which is the nearest to our probe. */
export function watchdogConf(options: {
  readonly device?: string;
  readonly disk: string;
  readonly realtime: boolean;
}): string {
  return `${options.device === undefined ? "" : `watchdog-device = ${options.device}\nwatchdog-timeout = 30\n`}interval = ${INTERVAL_S}
realtime = ${options.realtime ? "yes" : "no"}
priority = 1
min-memory = 1
file = ${options.disk}
log-dir = /tmp
`;
}

/** A feeder that says nothing to the host: its hold on the device shows in sysfs. */
export async function untilActive(guest: TestGuest): Promise<void> {
  await sh(guest, "until grep -q ^active /sys/class/watchdog/watchdog0/state; do sleep 0.2; done");
}
