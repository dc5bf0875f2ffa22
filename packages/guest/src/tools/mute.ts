/** `mute TIME` and `unmute`: for whoever works on the guest and knows why it looks ill. */
import { EXIT, print } from "../configure.ts";
import { LONGEST_MUTE_S } from "../control.ts";
import { ask } from "./client.ts";
import type { Command } from "./command.ts";
import { duration, parseDuration } from "./words.ts";

export const mute: Command = {
  name: "mute",
  form: "TIME",
  help: `end nothing for so long, and feed on: 30s, 10m, 2h; at most ${duration(LONGEST_MUTE_S)}`,
  words: { least: 1, most: 1 },
  problemWith: ([time = ""]) => {
    const seconds = parseDuration(time);
    const isLegal = seconds >= 1 && seconds <= LONGEST_MUTE_S;
    return isLegal ? undefined : `mute: '${time}' is no time from 1s to 24h; write 30s, 10m or 2h`;
  },
  run({ words: [time = ""], settings }) {
    const seconds = parseDuration(time);
    if (ask(`mute ${seconds}`, settings) === undefined) return EXIT.refused;
    print(`muted for ${duration(seconds)}: nothing is ended, the guest is fed`);
    return EXIT.well;
  },
};

export const unmute: Command = {
  name: "unmute",
  form: "",
  help: "end a mute",
  words: { least: 0, most: 0 },
  run({ settings }) {
    if (ask("unmute", settings) === undefined) return EXIT.refused;
    print("no longer muted");
    return EXIT.well;
  },
};
