/** The two feeders with the same checks, as far as watchdog 5.16 has them: memory, and a look at the data file system. */

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
