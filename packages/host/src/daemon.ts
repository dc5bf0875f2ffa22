/** The daemon itself, for whoever starts it. */
export { type HostConfig, parseConfig, readConfig } from "./config.ts";
export { type Host, startHost } from "./host.ts";
