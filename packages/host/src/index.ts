/** What Bernard does on a host. */
export { isWell } from "./doctor/diagnose.ts";
export { type Examined, examine } from "./doctor/examine.ts";
export { feederByChannels } from "./doctor/feeder.ts";
