/** One kind of check alone: what changes in the guest, second by second, what the check makes of it, and what it has read at the end. */
import { type CheckKind, HeldCheck } from "../../src/check.ts";
import { parseConfig, type Settings } from "../../src/config.ts";
import { keys } from "../../src/settings.ts";
import { type Change, ScriptedPlatform } from "../scripted.ts";

export interface Watched {
  readonly config?: string;
  /** Files of a healthy guest. */
  readonly files: Readonly<Record<string, string>>;
  readonly changes?: readonly Change[];
  /** Seconds. */
  readonly until: number;
  /** Seconds at which a look is taken too, beside one each second. */
  readonly early?: readonly number[];
}

/** Each change of a verdict and each warning, as `SECONDS: NAME VERDICT: REASON`; then the last readings. */
export function tellReadings(kind: CheckKind): (story: Watched) => unknown {
  return ({ config = "", files, changes = [], until, early = [] }) => {
    const platform = new ScriptedPlatform(files);
    const settings = parseConfig(config, "conf", keys) as Settings;
    for (const change of changes) if (change.at === 0) platform.change(change);
    const checks = kind.create({ settings, platform, use: "watch", signs: { disk: 0 } });
    const held = checks.map((check) => new HeldCheck(check, 6000));
    const seconds = Array.from({ length: until + 1 }, (_, second) => second);
    for (const second of [...seconds, ...early].sort((a, b) => a - b)) {
      platform.advance(second);
      for (const change of changes) if (change.at === second) platform.change(change);
      for (const one of held) {
        if (!one.look(second * 1000)) continue;
        const { name, verdict, reason } = one.report();
        platform.note(reason === "" ? `${name} ${verdict}` : `${name} ${verdict}: ${reason}`);
      }
      platform.runChildren();
    }
    const readings = held.map((one) => one.report().readings);
    return { heard: platform.heard, readings: readings.length > 1 ? readings : readings[0] };
  };
}
