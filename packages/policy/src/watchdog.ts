/**
 * The words for watchdog devices and for what the hypervisor does when one fires, as libvirt's XML has them.
 * Reference: https://libvirt.org/formatdomain.html#watchdog-devices
 */

/** `wdat` is ours: an itco that the guest is told of by an ACPI table, so that any system's own driver is enough. */
export const WATCHDOG_MODELS = ["i6300esb", "ib700", "itco", "diag288", "wdat"] as const;
export type WatchdogModel = (typeof WATCHDOG_MODELS)[number];

/** `dump` is libvirt's own: it pauses the guest, dumps its memory and resumes it, hung as it is. */
export const WATCHDOG_ACTIONS = ["reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi"] as const;
export type WatchdogAction = (typeof WATCHDOG_ACTIONS)[number];
