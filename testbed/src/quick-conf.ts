/** bernard-guest's configuration in the test guest: what takes minutes in the field takes seconds here. */

/** Seconds that a check must stay over its limit; the daemon's own defaults are 30 and more. */
export const QUICK_HOLD_S = 5;

/** Stall for memory that counts, in percent of the time; the default is 40. */
export const QUICK_PRESSURE = 20;

/** @param timeout of the watchdog device, in seconds */
export function quickConf(timeout: number): string {
  return `watchdog-timeout = ${timeout}
disk = /data
disk-probe-interval = 3
disk-hold = ${QUICK_HOLD_S}
hang-hold = ${QUICK_HOLD_S}
memory-hold = ${QUICK_HOLD_S}
max-memory-pressure = ${QUICK_PRESSURE}
memory-end = starve
grace = 0
state-directory = /data/bernard-guest
`;
}
