/** Guests that we start ourselves, each in a QEMU process of its own; for those of others see adapter.ts. */
export { type Accelerator, pickAccelerator } from "./accelerator.ts";
export { GuestStartError, QmpClosedError, QmpCommandError, QmpDeadlineError } from "./errors.ts";
export { type QemuGuest, startGuest } from "./guest.ts";
export type { Disk, Firmware, GuestOptions } from "./guest-arguments.ts";
export type { Exit } from "./qemu-process.ts";
export type { QmpClient, QmpEvent } from "./qmp-client.ts";
