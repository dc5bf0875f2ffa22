/** The channel between guest and host: its messages, their limits, and how the host reads them. */
export { LineSplitter } from "./line-splitter.ts";
export * from "./messages.ts";
