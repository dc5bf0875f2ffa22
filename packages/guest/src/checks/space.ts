/**
 * A file system is full: of data, or of inodes. One for each `disk`.
 *
 * Full is when those who are not root get no more: the 5 % that ext4 keeps for root count as used, as in df(1). What has no fixed
 * number of inodes (btrfs, vfat: 0 in statfs(2)) cannot run out of them, and what is read-only cannot fill up.
 */
import { type Check, type CheckKind, endKey, holdKey, type Reading } from "../check.ts";
import type { End } from "../end.ts";
import { percent, round } from "../percent.ts";
import type { Platform } from "../platform.ts";
import { RecurringJob } from "../recurring-job.ts";
import { watchedPoints } from "./disk.ts";

const ENOSPC = 28;

/** Milliseconds from one look to the next, and while it is full. */
const PERIOD = 30_000;
const FULL_PERIOD = 5000;

/** statfs(2) of a network file system waits for its server; that it hangs is for others to judge. */
const DEADLINE = 10_000;

/** Once over the limit, this many percent points below it are needed to count as well again. */
const RECOVERED = 1;

interface SpaceLimits {
  /** Percent; 0: off. */
  readonly maxSpace: number;
  readonly maxInodes: number;
  /** Milliseconds. */
  readonly hold: number;
}

/** In percent. */
interface Usage {
  readonly space: number;
  /** NaN where there is no fixed number of them. */
  readonly inodes: number;
  readonly availableMib: number;
  readonly freeInodes: number;
}

class SpaceCheck implements Check {
  readonly name: string;
  readonly end: End;
  readonly code = ENOSPC;
  readonly #point: string;
  readonly #limits: SpaceLimits;
  readonly #statfs: RecurringJob;
  #usage: Usage | undefined;
  #spaceOver = false;
  #inodesOver = false;

  constructor(point: string, limits: SpaceLimits, end: End, platform: Platform) {
    this.name = `space:${point}`;
    this.end = end;
    this.#point = point;
    this.#limits = limits;
    this.#statfs = new RecurringJob(platform, ["statfs", point], DEADLINE);
  }

  get period(): number {
    if (this.#statfs.isOut) return 0;
    return this.#spaceOver || this.#inodesOver ? FULL_PERIOD : PERIOD;
  }

  read(now: number): Reading {
    const outcome = this.#statfs.take();
    if (outcome?.status === 0) this.#usage = parseUsage(outcome.output);
    else if (outcome === undefined) this.#statfs.startWhenDue(now, 0);
    const usage = this.#usage;
    if (usage === undefined) return { reason: "", readings: {} };
    const { maxSpace, maxInodes, hold } = this.#limits;
    this.#spaceOver = isOver(usage.space, maxSpace, this.#spaceOver);
    this.#inodesOver = isOver(usage.inodes, maxInodes, this.#inodesOver);
    const reasons: string[] = [];
    if (this.#spaceOver) {
      reasons.push(
        `${this.#point} is ${round(usage.space)} % full (limit ${maxSpace} %), ${round(usage.availableMib)} MiB left`,
      );
    }
    if (this.#inodesOver) {
      const used = round(usage.inodes);
      reasons.push(`${this.#point} has ${used} % of its inodes used (limit ${maxInodes} %), ${usage.freeInodes} left`);
    }
    return {
      reason: reasons.join("; "),
      readings: {
        used_percent: round(usage.space),
        available_mib: round(usage.availableMib),
        inodes_used_percent: round(usage.inodes),
      },
      hold,
    };
  }
}

/** NaN is never over. */
function isOver(used: number, limit: number, before: boolean): boolean {
  return limit > 0 && used >= limit - (before ? RECOVERED : 0);
}

/** From the statfs job's numbers; undefined for what cannot fill up. */
function parseUsage(output: string): Usage | undefined {
  const [size, blocks, free, available, inodes, freeInodes, readOnly] = output.split(" ").map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const used = blocks - free;
  if (readOnly === 1 || !(used + available > 0)) return undefined;
  return {
    space: percent(used, used + available),
    inodes: percent(inodes - freeInodes, inodes),
    availableMib: (available * size) / 2 ** 20,
    freeInodes,
  };
}

export const space: CheckKind = {
  keys: [
    {
      name: "max-space",
      type: "number",
      unit: "percent",
      min: 0,
      max: 100,
      fallback: 98,
      help: "a file system of `disk` is full from here on, the space that only root may use not counted; 0: off",
    },
    {
      name: "max-inodes",
      type: "number",
      unit: "percent",
      min: 0,
      max: 100,
      fallback: 98,
      help: "or when this much of its inodes is used; 0: off",
    },
    holdKey("space", 60, "it must be full for this long"),
    endKey("space", "alarm"),
  ],
  create({ settings, platform }) {
    const limits = {
      maxSpace: settings.number("max-space"),
      maxInodes: settings.number("max-inodes"),
      hold: settings.number("space-hold") * 1000,
    };
    if (limits.maxSpace === 0 && limits.maxInodes === 0) return [];
    return watchedPoints(settings, platform).map(
      (point) => new SpaceCheck(point, limits, settings.end("space"), platform),
    );
  },
};
