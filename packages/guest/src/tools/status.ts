/** `status`: whether the guest is protected and well, the answer first. */
import { EXIT, print } from "../configure.ts";
import type { CheckStatus, StatusReport } from "../status.ts";
import { ask, type Line } from "./client.ts";
import type { Command } from "./command.ts";
import { duration, moment, printable, table } from "./words.ts";

/** Would-be fires that are printed; the rest is counted. */
const MOST_FIRES = 10;

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
export function assemble(lines: readonly Line[]): StatusReport {
  const head = lines[0]?.status as NonNullable<Line["status"]>;
  const checks = lines.flatMap(({ check }) => (check === undefined ? [] : [check]));
  const fires = lines.flatMap(({ would_fire }) => (would_fire === undefined ? [] : [would_fire]));
  return { ...head, checks, would_fire: fires.reverse() };
}

export function isWell({ device, ended, checks }: StatusReport): boolean {
  if (device === null || device.armed === false || device.fed_ago_s === null || ended !== "") return false;
  return checks.every((check) => check.verdict === "healthy");
}

export function describe(report: StatusReport): string[] {
  const fires = [...report.would_fire].reverse();
  const shown = fires
    .slice(0, MOST_FIRES)
    .map(({ at, check, reason, end }) => [moment(at), check, `${reason} (${end})`]);
  const checks = table(report.checks.map(describeCheck));
  return [
    `${describeFeeding(report)}, ${describeHealth(report.checks)}`,
    ...describeBrakes(report),
    ...(checks.length === 0 ? [] : ["", ...checks]),
    ...(shown.length === 0
      ? []
      : ["", "would have ended this guest in the last 14 days, but was kept from it:", ...table(shown)]),
    ...(fires.length > MOST_FIRES ? [`and ${fires.length - MOST_FIRES} more, see --json`] : []),
  ].map(printable);
}

function describeFeeding({ device, ended }: StatusReport): string {
  if (device === null) return "NOTHING IS FED, there is no watchdog device";
  const { identity, timeout, armed, fed_ago_s: ago } = device;
  if (ended !== "") return `NO LONGER FED, ${ended} ends this guest; ${identity} fires within ${timeout} s`;
  if (armed === false) return `NOT PROTECTED, ${identity} does not tick`;
  const fed = ago === null ? "not fed yet" : `fed ${duration(ago)} ago`;
  return `${fed}, ${identity}, fires after ${timeout} s`;
}

function describeHealth(checks: readonly CheckStatus[]): string {
  const named = (verdict: string) => checks.filter((check) => check.verdict === verdict).map((check) => check.name);
  const ill = ["failed", "failing"].flatMap((verdict) => {
    const names = named(verdict);
    return names.length === 0 ? [] : [`${verdict.toUpperCase()}: ${names.join(" ")}`];
  });
  if (checks.length === 0) return "nothing is checked";
  return ill.length === 0 ? "all healthy" : ill.join(", ");
}

/** What keeps a failed check from ending the guest. */
function describeBrakes({ mode, muted_for_s, grace_left_s, budget }: StatusReport): string[] {
  const { used, limit, window_s } = budget;
  const ends = `${used} of ${limit} ends in ${duration(window_s)} are used`;
  return [
    ...(mode === "observe" ? ["mode observe: nothing is ended, only recorded"] : []),
    ...(mode === "announce" ? ["mode announce: nothing is ended, the host is told"] : []),
    ...(muted_for_s > 0 ? [`muted: nothing is ended for ${duration(muted_for_s)} more`] : []),
    ...(grace_left_s > 0 ? [`just booted: nothing is ended for ${duration(grace_left_s)} more`] : []),
    ...(used >= limit ? [`${ends}: it is fed whatever fails`] : used > 0 ? [ends] : []),
  ];
}

/** A row of the table: its name, its verdict, and what was seen. */
export function describeCheck({ name, verdict, reason, readings, limit, hold_s, end }: CheckStatus): string[] {
  const numbers = Object.entries(readings).map(([reading, value]) => `${reading}=${value}`);
  const limits = limit === "" ? [] : [`limit ${limit}`];
  if (verdict === "healthy") return [name, verdict, [...numbers, ...limits].join(" ")];
  const then = end === "alarm" ? "only told" : `then ${end}`;
  const held = verdict === "failing" && hold_s > 0 ? `, ${then} once it has lasted ${duration(hold_s)}` : `, ${then}`;
  return [name, verdict, `${reason}${held} (${[...numbers, ...limits].join(" ")})`];
}
