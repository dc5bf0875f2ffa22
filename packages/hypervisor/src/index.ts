/** One interface to every hypervisor; see hypervisor.ts. */
export { AGENT_CHANNEL } from "./agent-channel.ts";
export { type FailureKind, HypervisorError, isFailure } from "./errors.ts";
export type * from "./hypervisor.ts";
export { type OpenOptions, openHypervisor } from "./open-hypervisor.ts";
