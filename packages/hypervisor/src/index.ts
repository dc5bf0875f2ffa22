/** One interface to every hypervisor; see hypervisor.ts. */
export { type FailureKind, HypervisorError, isFailure } from "./errors.ts";
export type * from "./hypervisor.ts";
