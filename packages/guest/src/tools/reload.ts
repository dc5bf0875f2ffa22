/** `reload`: the configuration anew, as SIGHUP does. */
import { EXIT, print } from "../configure.ts";
import { ask } from "./client.ts";
import type { Command } from "./command.ts";

export const reload: Command = {
  name: "reload",
  form: "",
  help: "read the configuration anew; a bad one is refused in the daemon's log, and the old one stays",
  words: { least: 0, most: 0 },
  run({ settings }) {
    if (ask("reload", settings) === undefined) return EXIT.refused;
    print("asked to read its configuration anew; its log tells what became of it");
    return EXIT.well;
  },
};
