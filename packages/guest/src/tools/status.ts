/** `status`: whether the guest is protected and well, the answer first. */
import { EXIT, print } from "../configure.ts";
import type { StatusReport } from "../status.ts";
import { ask, type Line } from "./client.ts";
import type { Command } from "./command.ts";
import { describe, isWell } from "./report.ts";

export const status: Command = {
  name: "status",
  form: "",
  help: "whether the guest is fed and well: checks, readings, limits",
  words: { least: 0, most: 0 },
  json: true,
  run({ json, settings }) {
    const answer = ask("status", settings);
    if (answer === undefined) return EXIT.refused;
    const report = assemble(answer.lines);
    if (json) print(JSON.stringify(report));
    else {
      for (const line of describe(report)) print(line);
      if (answer.leftOut > 0) print(`and ${answer.leftOut} more that had no room in the answer`);
    }
    return isWell(report) ? EXIT.well : EXIT.finding;
  },
};

/** The report as the daemon had it, from the lines that it was sent in. */
function assemble(lines: readonly Line[]): StatusReport {
  const head = lines[0]?.status as NonNullable<Line["status"]>;
  const checks = lines.flatMap(({ check }) => (check === undefined ? [] : [check]));
  const fires = lines.flatMap(({ would_fire }) => (would_fire === undefined ? [] : [would_fire]));
  return { ...head, checks, would_fire: fires.reverse() };
}
