/** What the client prints, for whoever reads it at three in the morning. */
import type { CheckStatus, LastReport, StatusReport } from "../src/status.ts";
import { describe, describeLast, isWell } from "../src/tools/report.ts";
import { duration, moment, parseDuration, printable, table } from "../src/tools/words.ts";
import { suite } from "./vector.ts";

export const times = suite("parseDuration", parseDuration, [
  ["seconds", "30s", 30],
  ["minutes", "10m", 600],
  ["hours", "2h", 7200],
  ["no unit", "10", Number.NaN],
  ["no number", "m", Number.NaN],
  ["nothing", "", Number.NaN],
  ["another unit", "1d", Number.NaN],
  ["a name of every object", "1constructor", Number.NaN],
  ["a fraction", "1.5h", Number.NaN],
  ["negative", "-1s", Number.NaN],
  ["two units", "1h30m", Number.NaN],
]);

export const durations = suite("duration", duration, [
  ["a moment", 0.44, "0.4 s"],
  ["seconds", 59.4, "59 s"],
  ["a minute", 60, "1 min"],
  ["minutes and seconds", 570, "9 min 30 s"],
  ["almost an hour", 3599.9, "1 h"],
  ["hours and minutes", 7500, "2 h 5 min"],
  ["a day", 86_400, "1 d"],
  ["days and hours", 97_200, "1 d 3 h"],
]);

export const moments = suite("moment", moment, [
  ["the first", 0, "1970-01-01 00:00:00 UTC"],
  ["a leap day", 1_709_164_800, "2024-02-29 00:00:00 UTC"],
  ["the day after", 1_709_251_199 + 1, "2024-03-01 00:00:00 UTC"],
  ["the leap day of a century", 951_782_400, "2000-02-29 00:00:00 UTC"],
  ["a century without one", 4_107_542_400, "2100-03-01 00:00:00 UTC"],
  ["the end of a year", 1_798_761_599.9, "2026-12-31 23:59:59 UTC"],
]);

export const safe = suite("printable", printable, [
  ["letters of the world", "dätä 🐶", "dätä 🐶"],
  ["what moves the cursor", "a\x1b[2Jb\nc\x9b", "a?[2Jb?c?"],
]);

export const tables = suite("table", table, [
  [
    "columns",
    [
      ["a", "bb", "c"],
      ["aaa", "b", ""],
    ],
    ["a    bb  c", "aaa  b   "],
  ],
]);

const memory: CheckStatus = {
  name: "memory",
  verdict: "healthy",
  reason: "",
  readings: { available_percent: 52.1 },
  limit: "3 %",
  hold_s: 30,
  end: "reboot",
};
const disk: CheckStatus = {
  name: "disk:/data",
  verdict: "failing",
  reason: "/data refuses writes: EROFS at create",
  readings: { writable: 0 },
  limit: "",
  hold_s: 30,
  end: "starve",
};
const well: StatusReport = {
  version: "1.2.3",
  mode: "act",
  device: { identity: "i6300ESB timer", timeout: 30, armed: true, fed_ago_s: 0.4, feeds: 12 },
  muted_for_s: 0,
  grace_left_s: 0,
  budget: { used: 0, limit: 3, window_s: 86_400 },
  ended: "",
  checks: [memory],
  would_fire: [],
};

const device = (changes: Partial<NonNullable<StatusReport["device"]>>) => ({
  device: { ...(well.device as NonNullable<StatusReport["device"]>), ...changes },
});

/** The first lines, up to the table, and whether all is well. */
function head(changes: Partial<StatusReport>): unknown {
  const report = { ...well, ...changes };
  const lines = describe(report);
  return [...lines.slice(0, lines.indexOf("") === -1 ? undefined : lines.indexOf("")), isWell(report)];
}

const fed = "fed 0.4 s ago, i6300ESB timer, fires after 30 s";

export const heads = suite("status, the answer", head, [
  ["all is well", {}, [`${fed}, all healthy`, true]],
  ["nothing is checked", { checks: [] }, [`${fed}, nothing is checked`, true]],
  ["a check is failing", { checks: [memory, disk] }, [`${fed}, FAILING: disk:/data`, false]],
  [
    "two have failed, one is failing",
    { checks: [disk, { ...memory, verdict: "failed" }, { ...memory, name: "load", verdict: "failed" }] },
    [`${fed}, FAILED: memory load, FAILING: disk:/data`, false],
  ],
  ["no device", { device: null }, ["NOTHING IS FED, there is no watchdog device, all healthy", false]],
  [
    "a device that has died",
    device({ armed: false }),
    ["NOT PROTECTED, i6300ESB timer does not tick, all healthy", false],
  ],
  ["a device that tells nothing", device({ armed: "unknown" }), [`${fed}, all healthy`, true]],
  [
    "before the first feed",
    device({ fed_ago_s: null }),
    ["not fed yet, i6300ESB timer, fires after 30 s, all healthy", false],
  ],
  [
    "the end has begun",
    { ended: "memory", checks: [{ ...memory, verdict: "failed" }] },
    ["NO LONGER FED, memory ends this guest; i6300ESB timer fires within 30 s, FAILED: memory", false],
  ],
  [
    "everything that spares a guest",
    { mode: "observe", muted_for_s: 570, grace_left_s: 80, budget: { used: 3, limit: 3, window_s: 86_400 } },
    [
      `${fed}, all healthy`,
      "mode observe: nothing is ended, only recorded",
      "muted: nothing is ended for 9 min 30 s more",
      "just booted: nothing is ended for 1 min 20 s more",
      "3 of 3 ends in 1 d are used: it is fed whatever fails",
      true,
    ],
  ],
  [
    "one end of three",
    { mode: "announce", budget: { used: 1, limit: 3, window_s: 3600 } },
    [`${fed}, all healthy`, "mode announce: nothing is ended, the host is told", "1 of 3 ends in 1 h are used", true],
  ],
]);

const fire = (at: number) => ({ at, check: "memory", reason: "1 %\x07", end: "reboot" }) as const;

export const bodies = suite(
  "status, the rest",
  (changes: Partial<StatusReport>) => describe({ ...well, ...changes }).slice(2),
  [
    [
      "the checks",
      { checks: [memory, disk, { ...disk, name: "space", verdict: "failed", end: "alarm", limit: "90 %" }] },
      [
        "memory      healthy  available_percent=52.1; limit: 3 %",
        "disk:/data  failing  /data refuses writes: EROFS at create, then starve once it has lasted 30 s (writable=0)",
        "space       failed   /data refuses writes: EROFS at create, only told (writable=0; limit: 90 %)",
      ],
    ],
    [
      "what would have been, the newest first",
      { checks: [], would_fire: [fire(60), fire(120)] },
      [
        "would have ended this guest in the last 14 days, but was kept from it:",
        "1970-01-01 00:02:00 UTC  memory  1 %? (reboot)",
        "1970-01-01 00:01:00 UTC  memory  1 %? (reboot)",
      ],
    ],
  ],
);

export const manyFires = suite(
  "status, many would-be fires",
  (count: number) =>
    describe({ ...well, checks: [], would_fire: Array.from({ length: count }, (_, n) => fire(n)) }).slice(-1),
  [
    ["as many as are shown", 10, ["1970-01-01 00:00:00 UTC  memory  1 %? (reboot)"]],
    ["more", 12, ["and 2 more, see --json"]],
  ],
);

const record = { at: 1_795_356_191, check: "memory", reason: "1 % of memory available", end: "reboot" } as const;

export const lasts = suite(
  "last",
  ([report, crashes]: readonly [report: LastReport, crashes: readonly string[]]) => describeLast(report, crashes),
  [
    [
      "ended by us",
      [{ how: "by us", record }, []],
      [
        "the previous boot was ended by bernard-guest, 2026-11-22 14:03:11 UTC, reboot: memory failed: 1 % of memory available",
      ],
    ],
    [
      "fired, and the kernel left a crash",
      [{ how: "fired", record: null }, ["dmesg-efi-1"]],
      [
        "the previous boot was ended by the watchdog: nobody fed it any more, and nobody could say why",
        "its kernel left messages of a crash in /sys/fs/pstore: dmesg-efi-1",
      ],
    ],
    [
      "nothing",
      [{ how: "unknown", record: null }, []],
      ["nothing tells that the watchdog or bernard-guest ended the previous boot"],
    ],
  ],
);
