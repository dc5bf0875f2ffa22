/** `heartbeat NAME`: a beat for a script that has no socket of its own, in the words of sd_notify(3). */
import { encode } from "../bytes.ts";
import { complain, EXIT, pathOrNone } from "../configure.ts";
import { notifyPath, sendDatagram } from "../linux/sockets.ts";
import * as system from "../linux/system.ts";
import type { Command } from "./command.ts";

export const heartbeat: Command = {
  name: "heartbeat",
  form: "NAME [STATE...]",
  help: "tell the daemon that NAME lives (WATCHDOG=1), or what else: STOPPING=1, WATCHDOG_USEC=...",
  words: { least: 1, most: 8 },
  run({ words: [name = "", ...states], settings }) {
    const directory = pathOrNone(settings, "runtime-directory");
    if (directory === undefined) {
      complain("runtime-directory is none, so the daemon hears nobody");
      return EXIT.refused;
    }
    const uid = system.effectiveUser();
    const path = notifyPath(directory, uid);
    const lines = [`X_BERNARD_NAME=${name}`, ...(states.length === 0 ? ["WATCHDOG=1"] : states)];
    const result = sendDatagram(path, encode(lines.join("\n")));
    if (result === 0) return EXIT.well;
    const setting = `heartbeat = ${name} SECONDS${uid === 0 ? "" : ` uid=${uid}`}`;
    complain(`${path}: nobody hears (errno ${-result}); is the daemon running, with '${setting}'?`);
    return EXIT.refused;
  },
};
