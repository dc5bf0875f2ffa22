/** What the daemon tells, as people read it: words only. */
import type { CheckStatus, LastReport, StatusReport } from "../status.ts";
import { duration, moment, printable, table } from "./words.ts";

/** Where a dying kernel leaves messages that outlive a reset. */
export const PSTORE = "/sys/fs/pstore";

/** Would-be fires that are printed; the rest is counted. */
const MOST_FIRES = 10;

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
  const seen = `${numbers.join(" ")}${limit === "" ? "" : `; limit: ${limit}`}`;
  if (verdict === "healthy") return [name, verdict, seen];
  const then = end === "alarm" ? "only told" : `then ${end}`;
  const held = verdict === "failing" && hold_s > 0 ? `, ${then} once it has lasted ${duration(hold_s)}` : `, ${then}`;
  return [name, verdict, `${reason}${held} (${seen})`];
}

/** @param crashes files that the kernel kept over the reset */
export function describeLast({ how, record }: LastReport, crashes: readonly string[]): string[] {
  const known =
    record === null ? "" : `, ${moment(record.at)}, ${record.end}: ${record.check} failed: ${record.reason}`;
  const lines = [
    how === "by us"
      ? `the previous boot was ended by bernard-guest${known}`
      : how === "fired"
        ? "the previous boot was ended by the watchdog: nobody fed it any more, and nobody could say why"
        : "nothing tells that the watchdog or bernard-guest ended the previous boot",
  ];
  if (crashes.length > 0) lines.push(`its kernel left messages of a crash in ${PSTORE}: ${crashes.join(" ")}`);
  return lines.map(printable);
}
