/** What building and running on a developer's or newcomer's machine needs: packages, caches, locks, errors for people. */
export { cached, type Recipe, type Say } from "./cached.ts";
export { download, ensureInstalled, kernelPackage, unpack } from "./debian.ts";
export { debootstrap } from "./debootstrap.ts";
export { takeLock } from "./lock.ts";
export { type Measurement, printMeasurements } from "./measurements.ts";
export { median } from "./median.ts";
export { buildRoot, root } from "./paths.ts";
export { atProcessEnd } from "./process-end.ts";
export { run } from "./run.ts";
export { type Scope, withScope } from "./scope.ts";
export { runInScratch } from "./scratch.ts";
export { table } from "./table.ts";
export { errorCode, errorLine, UserError } from "./user-error.ts";
