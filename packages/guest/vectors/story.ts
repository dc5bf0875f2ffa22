/** How a story of the daemon is told: what happens in the guest, second by second, and what the daemon is heard to say and do. */
import type { Mode } from "@bernard/protocol/messages";
import { disk } from "../src/checks/disk.ts";
import { memory } from "../src/checks/memory.ts";
import { parseConfig, type Settings } from "../src/config.ts";
import { Daemon } from "../src/daemon.ts";
import type { End } from "../src/end.ts";
import { RecordKeeper } from "../src/record.ts";
import { Repairs } from "../src/repair.ts";
import { keys } from "../src/settings.ts";
import { type Change, ScriptedPlatform, scriptedDevice } from "./scripted.ts";

export interface Story {
  readonly config?: string;
  /** What follows when memory has failed. */
  readonly end?: End;
  readonly changes: readonly Change[];
  /** Seconds after which the story ends, by a clean stop. */
  readonly until: number;
  /** The device's shortest timeout. */
  readonly shortest?: number;
  /** What the device says to a feed. */
  readonly feedResult?: number;
  readonly noDevice?: true;
  /** When (s) a device comes, where there was none. */
  readonly deviceComes?: number;
  /** Seconds before the fire at which the kernel is told. */
  readonly pretimeout?: number;
  readonly mode?: Mode;
  /** Seconds after boot in which nothing is ended. */
  readonly grace?: number;
  /** Whether the device says that it ended the boot before. */
  readonly firedBefore?: boolean;
  /** The device cannot say. */
  readonly noBootStatus?: true;
  /** The device's longest timeout. */
  readonly longest?: number;
  /** The repair program. */
  readonly repair?: string;
  /** Seconds at which it is muted for ten. */
  readonly muted?: number;
  /** How it ends at `until`: by a clean stop if nothing else is said. */
  readonly farewell?: "hand over";
  /** When the device fires without the guest's end (action none, or resumed after pause). */
  readonly fires?: readonly number[];
  /** Seconds of which no round is seen: the host was starved. */
  readonly gap?: readonly [from: number, to: number];
}

export const meminfo = (available: number, swap = "SwapTotal: 0 kB\nSwapFree: 0 kB\n") =>
  `MemTotal: 100000 kB\nMemAvailable: ${available} kB\n${swap}`;
export const pressure = (full: number) => `some avg10=90.00 avg60=0\nfull avg10=${full} avg60=0.00\n`;
export const mountinfo = (own: string, flags = "rw,errors=remount-ro") =>
  `25 21 254:0 / /data ${own},relatime - ext4 /dev/vda ${flags}\n`;
export const ERRORS = "/sys/fs/ext4/vda/errors_count";
export const MOUNTS = "/proc/self/mountinfo";
export const MEM = "/proc/meminfo";
export const PSI = "/proc/pressure/memory";

const healthy = {
  [MEM]: meminfo(50000),
  [PSI]: pressure(0),
  [MOUNTS]: mountinfo("rw"),
  "/sys/dev/block/254:0": "../../devices/virtio0/block/vda",
  [ERRORS]: "7\n", // left over from an earlier life: the count survives a reset
};

const CONFIG =
  "disk = /data\ndisk-hold = 5\nmemory-hold = 5\nhang-hold = 20\nfreeze-limit = 60\nstate-directory = /data/state\n";

/** Runs a story and tells the last line of each kind that matters: beats only where a verdict changed. */
export function tell(story: Story): unknown {
  const platform = new ScriptedPlatform(healthy);
  const settings = parseConfig(
    `${CONFIG}memory-end = ${story.end ?? "starve"}\n${story.config ?? ""}`,
    "story",
    keys,
  ) as Settings;
  for (const change of story.changes) if (change.at === 0) platform.change(change);
  const device = scriptedDevice(
    platform,
    story.shortest ?? 1,
    story.longest ?? 2046,
    story.feedResult ?? 0,
    story.pretimeout ?? 0,
  );
  const context = { settings, platform, use: "watch", signs: { disk: 0 } } as const;
  const checks = [memory, disk].flatMap((kind) => kind.create(context));
  const record = new RecordKeeper(platform, {
    directory: "/data/state",
    machine: "machine",
    boot: "story",
    limit: 3,
    window: 86400,
    patience: 3000,
  });
  record.open(story.noBootStatus ? undefined : (story.firedBefore ?? false));
  const daemon = new Daemon({
    platform,
    checks,
    device: story.noDevice ? undefined : device,
    timeout: 10,
    interval: 1,
    boot: "story",
    mode: story.mode ?? "act",
    grace: story.grace ?? 0,
    endDeadline: 30,
    sigtermDelay: 5,
    record,
    requestReload: () => {},
    repairs: new Repairs(platform, {
      program: story.repair,
      timeout: 60_000,
      maximum: 1,
      logFor: (program) => `log${program}`,
    }),
  });
  daemon.start();
  for (let second = 0; second <= story.until; second++) {
    platform.advance(second);
    for (const change of story.changes) if (change.at === second) platform.change(change);
    if (second > (story.gap?.[0] ?? Infinity) && second < (story.gap?.[1] ?? 0)) continue;
    device.dead ||= story.fires?.includes(second) ?? false;
    if (second === story.muted) daemon.mute(10);
    if (second === story.deviceComes) daemon.takeDevice(device, 10);
    daemon.round();
    platform.runChildren();
  }
  if (story.farewell === "hand over") daemon.handOver();
  else daemon.stop();
  return { heard: withoutRepeats(platform.heard), feeds: device.feeds };
}

/** Drops a beat that says what the one before it said. */
function withoutRepeats(heard: readonly string[]): string[] {
  let before = "";
  return heard.flatMap((line) => {
    const [time, what] = line.split(": beat ") as [string, string | undefined];
    if (what === undefined) return [line];
    const verdicts = what.slice(what.indexOf(": ") + 2);
    if (verdicts === before) return [];
    before = verdicts;
    return [`${time}: ${verdicts}`];
  });
}

export const well = "0: memory healthy, disk:/data healthy";

export const memoryReason = "2 % of memory available (limit 3 %), stalled 60 % of the time (limit 40 %)";
