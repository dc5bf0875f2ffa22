/** Pure decisions: which watchdog device and action a guest gets. No I/O, no clock. */
export { chooseWatchdog, isQ35, type WatchdogChoice, type WatchdogNeed } from "./choose-watchdog.ts";
export { WATCHDOG_ACTIONS, WATCHDOG_MODELS, type WatchdogAction, type WatchdogModel } from "./watchdog.ts";
