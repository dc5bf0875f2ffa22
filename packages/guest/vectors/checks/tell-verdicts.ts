/** One kind of check as the daemon holds it, second by second: what is told of its verdicts, ends and warnings. */
import { type CheckKind, HeldCheck } from "../../src/check.ts";
import { parseConfig, type Settings } from "../../src/config.ts";
import { keys } from "../../src/settings.ts";
import { type Change, ScriptedPlatform } from "../scripted.ts";

export interface Watched {
  readonly config: string;
  readonly changes: readonly Change[];
  /** Seconds. */
  readonly until: number;
  /** Seconds of which no round is seen: the host was starved. */
  readonly gap?: readonly [from: number, to: number];
}

const LONGEST_ROUND = 6000;

/** Each change of a verdict, `SECONDS: NAME VERDICT: REASON`, a failed one with what follows; and each line of the log. */
export function tellVerdicts(kind: CheckKind, { config, changes, until, gap }: Watched): string[] {
  const platform = new ScriptedPlatform({});
  for (const change of changes) if (change.at === 0) platform.change(change); // what is read at start
  const settings = parseConfig(config, "watch", keys) as Settings;
  const context = { settings, platform, use: "watch", signs: { disk: 0 } } as const;
  const checks = kind.create(context).map((check) => new HeldCheck(check, LONGEST_ROUND));
  for (let second = 0; second <= until; second++) {
    platform.advance(second);
    for (const change of changes) if (change.at === second) platform.change(change);
    if (second > (gap?.[0] ?? Infinity) && second < (gap?.[1] ?? 0)) continue;
    for (const held of checks) {
      if (!held.look(second * 1000)) continue;
      const { name, verdict, reason } = held.report();
      platform.note(`${name} ${verdict}${verdict === "failed" ? `, ${held.end}` : ""}${reason && `: ${reason}`}`);
    }
    platform.runChildren();
  }
  return platform.heard;
}
