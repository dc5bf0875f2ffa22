/** The daemon itself, for whoever starts it. */
export { parseConfig, readConfig } from "./config.ts";
export type { HostConfig } from "./config-schema.ts";
export { type Host, startHost } from "./host.ts";
