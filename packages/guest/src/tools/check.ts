/** `check NAME`: what one check sees. */
import { EXIT, print } from "../configure.ts";
import { ask } from "./client.ts";
import type { Command } from "./command.ts";
import { describeCheck } from "./report.ts";
import { printable } from "./words.ts";

export const check: Command = {
  name: "check",
  form: "NAME",
  help: "what one check sees; exit code 1 when it is not healthy",
  words: { least: 1, most: 8 },
  run({ words, settings }) {
    // A name may have spaces in it, as a mount point or a program.
    const answer = ask(`check ${words.join(" ")}`, settings);
    const found = answer?.lines[0]?.check;
    if (found === undefined) return EXIT.refused;
    print(printable(describeCheck(found).join("  ")));
    return found.verdict === "healthy" ? EXIT.well : EXIT.finding;
  },
};
