/** Configuration files, good and bad. */
import { parseConfig } from "../src/config.ts";
import { keys } from "../src/settings.ts";
import { suite } from "./vector.ts";

export const good = suite(
  "parseConfig, values",
  (text: string) => {
    const settings = parseConfig(text, "f", keys);
    if ("problems" in settings) return settings.problems;
    return [
      settings.path("watchdog-device"),
      settings.number("watchdog-timeout"),
      settings.on("realtime"),
      settings.paths("disk"),
    ];
  },
  [
    ["empty: the defaults", "", ["/dev/watchdog", 30, true, ["/"]]],
    [
      "comments, blank lines, spaces, DOS line ends",
      "# a\r\n\r\n  watchdog-timeout   =  10 \r\n",
      ["/dev/watchdog", 10, true, ["/"]],
    ],
    ["fractions", "interval = 2.5", ["/dev/watchdog", 30, true, ["/"]]],
    ["a list replaces its default", "disk = /a\ndisk = /b/", ["/dev/watchdog", 30, true, ["/a", "/b"]]],
    ["an empty list", "disk = none", ["/dev/watchdog", 30, true, []]],
    ["no device", "watchdog-device = none\nrealtime = no", ["none", 30, false, ["/"]]],
    ["equals signs in a value", "disk = /a=b", ["/dev/watchdog", 30, true, ["/a=b"]]],
  ],
);

export const bad = suite(
  "parseConfig, problems",
  (text: string) => {
    const settings = parseConfig(text, "/etc/b.conf", keys);
    return "problems" in settings ? settings.problems : "accepted";
  },
  [
    [
      "unknown key",
      "\nwatchdog-timout = 10",
      ["/etc/b.conf:2: unknown key 'watchdog-timout'; see bernard-guest --help"],
    ],
    ["no equals sign", "realtime", ["/etc/b.conf:1: not a setting: 'realtime'; write 'key = value'"]],
    [
      "out of range",
      "priority = 100",
      ["/etc/b.conf:1: priority: '100' is not a whole number from 1 to 99 (SCHED_FIFO priority)"],
    ],
    [
      "not a number",
      "priority = one",
      ["/etc/b.conf:1: priority: 'one' is not a whole number from 1 to 99 (SCHED_FIFO priority)"],
    ],
    [
      "exponents are not plain",
      "priority = 1e1",
      ["/etc/b.conf:1: priority: '1e1' is not a whole number from 1 to 99 (SCHED_FIFO priority)"],
    ],
    [
      "nor are signs",
      "priority = +1",
      ["/etc/b.conf:1: priority: '+1' is not a whole number from 1 to 99 (SCHED_FIFO priority)"],
    ],
    [
      "nor is nothing",
      "priority =",
      ["/etc/b.conf:1: priority: '' is not a whole number from 1 to 99 (SCHED_FIFO priority)"],
    ],
    ["not a switch", "realtime = true", ["/etc/b.conf:1: realtime: 'true' is neither 'yes' nor 'no'"]],
    [
      "relative path",
      "disk = data",
      ["/etc/b.conf:1: disk: 'data' is neither 'none' nor an absolute path of less than 1024 characters"],
    ],
    ["set twice", "interval = 1\ninterval = 2", ["/etc/b.conf:2: interval: already set in line 1; keep one"]],
    ["one disk twice", "disk = /a\ndisk = /a/", ["/etc/b.conf:2: disk: '/a/' is given twice; keep one"]],
    [
      "every problem is told",
      "x = 1\ny = 2",
      [
        "/etc/b.conf:1: unknown key 'x'; see bernard-guest --help",
        "/etc/b.conf:2: unknown key 'y'; see bernard-guest --help",
      ],
    ],
  ],
);
