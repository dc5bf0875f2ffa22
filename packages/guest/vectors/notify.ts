/** Datagrams in the words of sd_notify(3), as programs send them and as they should not. */
import { encode } from "../src/bytes.ts";
import { parseNotification } from "../src/notify.ts";
import { suite } from "./vector.ts";

const nothing = { beats: false, triggers: false, stops: false };
const beat = { ...nothing, beats: true };

export const notifications = suite("parseNotification", (text: string) => parseNotification(encode(text)), [
  ["a beat", "WATCHDOG=1", beat],
  ["a beat with a newline behind", "WATCHDOG=1\n", beat],
  ["READY=1 begins a watched life", "READY=1\nSTATUS=up\nMAINPID=42", beat],
  ["a trigger", "WATCHDOG=trigger", { ...nothing, triggers: true }],
  ["the end of a life", "STOPPING=1\nSTATUS=bye", { ...nothing, stops: true }],
  ["a time of its own, in microseconds", "WATCHDOG_USEC=20000500", { ...nothing, within: 20000.5 }],
  ["time and beat together", "WATCHDOG_USEC=5000000\nWATCHDOG=1", { ...beat, within: 5000 }],
  ["no time at all", "WATCHDOG_USEC=0\nWATCHDOG=1", { ...beat, within: 0 }],
  ["the last of two times", "WATCHDOG_USEC=1\nWATCHDOG_USEC=2000", { ...nothing, within: 2 }],
  ["a time that is no number", "WATCHDOG_USEC=20s", nothing],
  ["an empty time", "WATCHDOG_USEC=", nothing],
  ["a negative time", "WATCHDOG_USEC=-1", nothing],
  ["a time beyond counting", "WATCHDOG_USEC=18446744073709551615", nothing],
  ["a name to speak for", "X_BERNARD_NAME=backup\nWATCHDOG=1", { ...beat, name: "backup" }],
  ["a name longer than the kernel's", "X_BERNARD_NAME=0123456789abcdef\nWATCHDOG=1", beat],
  ["an empty name", "X_BERNARD_NAME=\nWATCHDOG=1", beat],
  ["descriptors to keep, a barrier", "FDSTORE=1\nFDNAME=x\nBARRIER=1", nothing],
  ["another value", "WATCHDOG=2\nREADY=0\nSTOPPING=", nothing],
  ["another variable with the same beginning", "WATCHDOG=10\nREADY=11", nothing],
  ["lower case is another variable", "watchdog=1", nothing],
  ["spaces are part of it", " WATCHDOG=1", nothing],
  ["a carriage return is part of it", "WATCHDOG=1\r\n", nothing],
  ["empty lines", "\n\n\nWATCHDOG=1\n\n", beat],
  ["nothing", "", nothing],
  ["garbage", "\0\u00ff\nWATCHDOG", nothing],
]);
