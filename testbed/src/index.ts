/** The test guest: built, booted, brought into trouble; for the demo and the end-to-end tests. */

export { ControlPort, type Result } from "./control-port.ts";
export { buildCrashImage } from "./crash-image.ts";
export {
  exhaustMemory,
  failDisk,
  failQuietDisk,
  freeze,
  GATEWAY,
  hang,
  joinNetwork,
  load,
  loseStorage,
  restoreStorage,
  shutDownFileSystem,
} from "./faults.ts";
export { buildImage, type Image } from "./image.ts";
export { type FileSystem, KERNELS, type Kernel } from "./kernel.ts";
export { untilDiskWritable, untilFed } from "./milestones.ts";
export { hostPackages } from "./packages.ts";
export { QUICK_HOLD_S, QUICK_PRESSURE, quickConf } from "./quick-conf.ts";
export { type Rescue, type Step, watchRescue } from "./rescue.ts";
export { buildSystemdImage } from "./systemd-image.ts";
export {
  type Awaiting,
  type Boot,
  bootTestGuest,
  type DiskName,
  type KeptGuest,
  type Received,
  TestGuest,
  type TestGuestOptions,
  type Throttle,
} from "./test-guest.ts";
