/** The channel between guest and host: its messages, their limits, and how the host reads them. */
export { ChannelReader, type Dropped } from "./channel-reader.ts";
export { LineSplitter } from "./line-splitter.ts";
export * from "./messages.ts";
export { type Parsed, parseMessage } from "./parse.ts";
export { printable } from "./printable.ts";
