/** A check that looks once a second at a scripted guest: its verdicts, what follows them, and what is told and done. */
import { type CheckKind, HeldCheck, type Signs } from "../../src/check.ts";
import { parseConfig, type Settings } from "../../src/config.ts";
import { keys } from "../../src/settings.ts";
import { type Change, ScriptedPlatform } from "../scripted.ts";

export interface Looks {
  readonly config?: string;
  readonly changes: readonly Change[];
  readonly until: number;
}

/** Tells each change of a verdict, with the end that follows where that is not the check's own. */
export function look(kinds: readonly CheckKind[], files: Readonly<Record<string, string>>, looks: Looks): string[] {
  const platform = new ScriptedPlatform(files);
  const settings = parseConfig(looks.config ?? "", "looks", keys) as Settings;
  const signs: Signs = { disk: 0 };
  for (const change of looks.changes) if (change.at === 0) platform.change(change);
  const checks = kinds
    .flatMap((kind) => kind.create({ settings, platform, use: "watch", signs }))
    .map((check) => new HeldCheck(check, 6000));
  for (let second = 0; second <= looks.until; second++) {
    platform.advance(second);
    for (const change of looks.changes) if (second > 0 && change.at === second) platform.change(change);
    for (const held of checks) {
      if (!held.look(second * 1000)) continue;
      const { name, verdict, reason } = held.report();
      const end = held.end === held.check.end ? "" : `, ${held.end}`;
      platform.note(reason === "" ? `${name} ${verdict}` : `${name} ${verdict}${end}: ${reason}`);
    }
    platform.runChildren();
  }
  return platform.heard;
}
