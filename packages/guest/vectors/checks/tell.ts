/** Checks as the daemon holds them, second by second: what is told of their verdicts, ends and warnings, and what they have read. */
import { type CheckKind, HeldCheck, type Signs } from "../../src/check.ts";
import { parseConfig, type Settings } from "../../src/config.ts";
import { keys } from "../../src/settings.ts";
import { type Change, ScriptedPlatform } from "../scripted.ts";

export interface Watched {
  readonly config?: string;
  /** Files of a healthy guest. */
  readonly files?: Readonly<Record<string, string>>;
  readonly changes?: readonly Change[];
  /** Seconds. */
  readonly until: number;
  /** Seconds at which a look is taken too, beside one each second. */
  readonly early?: readonly number[];
  /** Seconds of which no round is seen: the host was starved. */
  readonly gap?: readonly [from: number, to: number];
}

const LONGEST_ROUND = 6000;

/** What follows, as it stands behind a verdict. */
type TellEnd = (held: HeldCheck) => string;

const whenFailed: TellEnd = ({ verdict, end }) => (verdict === "failed" ? `, ${end}` : "");
const whenAnother: TellEnd = ({ reason, end, check }) => (reason === "" || end === check.end ? "" : `, ${end}`);

function watch(kinds: readonly CheckKind[], story: Watched, tellEnd: TellEnd) {
  const { config = "", files = {}, changes = [], until, early = [], gap } = story;
  const platform = new ScriptedPlatform(files);
  for (const change of changes) if (change.at === 0) platform.change(change); // what is read at start
  const settings = parseConfig(config, "watch", keys) as Settings;
  const signs: Signs = { disk: 0 };
  const checks = kinds
    .flatMap((kind) => kind.create({ settings, platform, use: "watch", signs }))
    .map((check) => new HeldCheck(check, LONGEST_ROUND));
  const seconds = Array.from({ length: until + 1 }, (_, second) => second);
  for (const second of [...seconds, ...early].sort((a, b) => a - b)) {
    platform.advance(second);
    for (const change of changes) if (second > 0 && change.at === second) platform.change(change);
    if (second > (gap?.[0] ?? Infinity) && second < (gap?.[1] ?? 0)) continue;
    for (const held of checks) {
      if (!held.look(second * 1000)) continue;
      const { name, verdict, reason } = held.report();
      platform.note(`${name} ${verdict}${tellEnd(held)}${reason && `: ${reason}`}`);
    }
    platform.runChildren();
  }
  return { heard: platform.heard, checks };
}

/** Each change of a verdict, `SECONDS: NAME VERDICT: REASON`, a failed one with what follows; and each line of the log. */
export function tellVerdicts(kind: CheckKind): (story: Watched) => string[] {
  return (story) => watch([kind], story, whenFailed).heard;
}

/** The same of kinds that go by each other's signs; what follows only where it is not the check's own end. */
export function tellTogether(...kinds: readonly CheckKind[]): (story: Watched) => string[] {
  return (story) => watch(kinds, story, whenAnother).heard;
}

/** The same, and the last readings. */
export function tellReadings(kind: CheckKind): (story: Watched) => unknown {
  return (story) => {
    const { heard, checks } = watch([kind], story, whenFailed);
    const readings = checks.map((held) => held.report().readings);
    return { heard, readings: readings.length > 1 ? readings : readings[0] };
  };
}
