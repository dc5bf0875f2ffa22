/**
 * What follows when a check has failed: `alarm` only tells; `starve` ends the feeding, so that the device fires within seconds;
 * the others end the guest in order, with the device ticking behind them.
 */
export const ENDS = ["alarm", "starve", "reboot", "poweroff", "panic"] as const;
export type End = (typeof ENDS)[number];
