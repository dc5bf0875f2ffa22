/**
 * The OOM killer works in series: memory is free again after each kill, and so no other check sees what the guest loses.
 *
 * Alarms only, by default: a guest that kills the same runaway program again and again does what it should, and a reset would
 * start that program once more. Kills by a container's own limit are that container's affair and are not counted: the kernel
 * counts each such limit that is met in the cgroup's `oom` event, and in that of every cgroup above. Under cgroup v1 it does
 * not, so there nothing is said.
 *
 *   /proc/vmstat                      "... oom_kill 3\n ..." since boot, of all kinds; from Linux 4.13 on
 *   /sys/fs/cgroup/NAME/memory.events "low 0\nhigh 0\nmax 20\noom 1\noom_kill 1\noom_group_kill 0\n"
 */
import { behind, encode, numberAt, numberBehind } from "../bytes.ts";
import { type Check, type CheckKind, endKey, type Reading } from "../check.ts";
import type { End } from "../end.ts";
import type { Platform } from "../platform.ts";

const ENOMEM = 12;

const CGROUPS = "/sys/fs/cgroup";
const KILLS = encode("oom_kill ");
const LIMIT_MET = encode("\noom ");

/** Milliseconds from one look to the next, and of the window in which kills are added up. */
const PERIOD = 10_000;
const WINDOW = 600_000;

class OomKillsCheck implements Check {
  readonly name = "oom-kills";
  readonly limit: string;
  readonly end: End;
  readonly code = ENOMEM;
  readonly period = PERIOD;
  readonly #limit: number;
  readonly #platform: Platform;
  #killsAtLook = Number.NaN;
  /** How often each cgroup had met its limit when last looked at. */
  readonly #limitsMet = new Map<string, number>();
  /** When (ms) and how many, oldest first; at most one entry a look. */
  #kills: { readonly at: number; readonly count: number }[] = [];

  constructor(limit: number, end: End, platform: Platform) {
    this.limit = `${limit} in 10 min`;
    this.end = end;
    this.#limit = limit;
    this.#platform = platform;
    this.#countLimitsMet();
  }

  read(now: number): Reading {
    const kills = this.#countKills();
    const fresh = kills - this.#killsAtLook;
    this.#killsAtLook = kills;
    if (fresh > 0 && this.#countLimitsMet() === 0) this.#kills.push({ at: now, count: fresh });
    this.#kills = this.#kills.filter(({ at }) => now - at < WINDOW);
    const count = this.#kills.reduce((sum, kill) => sum + kill.count, 0);
    return {
      reason:
        count > this.#limit
          ? `the OOM killer took ${count} processes in 10 minutes (max-oom-kills: ${this.#limit})`
          : "",
      readings: { kills, kills_10min: count },
    };
  }

  #countKills(): number {
    let kills = Number.NaN;
    this.#platform.readChunks("/proc/vmstat", (chunk) => {
      const at = behind(chunk, KILLS);
      if (at !== -1) kills = numberAt(chunk, at);
      return at === -1;
    });
    return kills;
  }

  /** How often a cgroup has met its own limit since the last call; NaN where that cannot be known. */
  #countLimitsMet(): number {
    const names = this.#platform.listFolder(CGROUPS);
    if (names.includes("memory")) return Number.NaN; // v1
    let fresh = 0;
    for (const name of names) {
      const events = this.#platform.readFile(`${CGROUPS}/${name}/memory.events`);
      if (events === undefined) continue;
      const met = numberBehind(events, LIMIT_MET);
      fresh += met - (this.#limitsMet.get(name) ?? 0);
      this.#limitsMet.set(name, met);
    }
    return fresh;
  }
}

export const oomKills: CheckKind = {
  keys: [
    {
      name: "max-oom-kills",
      type: "number",
      whole: true,
      unit: "kills in 10 minutes",
      min: 0,
      max: 100_000,
      fallback: 5,
      help: "more processes than this killed by the OOM killer, those of containers at their own limit left out; 0: off",
    },
    endKey("oom-kills", "alarm"),
  ],
  create({ settings, platform, use }) {
    const limit = settings.number("max-oom-kills");
    return limit === 0 || use === "once" ? [] : [new OomKillsCheck(limit, settings.end("oom-kills"), platform)];
  },
};
