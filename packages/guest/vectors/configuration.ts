/** Configuration files, good and bad. */
import { type Found, type Key, parseConfig } from "../src/config.ts";
import { keys } from "../src/settings.ts";
import { suite } from "./vector.ts";

export const good = suite(
  "parseConfig, values",
  (text: string) => {
    const settings = parseConfig(text, "f", keys);
    if ("problems" in settings) return settings.problems;
    return [
      settings.path("state-directory"),
      settings.number("watchdog-timeout"),
      settings.on("realtime"),
      settings.paths("disk"),
    ];
  },
  [
    ["empty: the defaults", "", ["/var/lib/bernard-guest", 30, true, ["auto"]]],
    [
      "comments, blank lines, spaces, DOS line ends",
      "# a\r\n\r\n  watchdog-timeout   =  10 \r\n",
      ["/var/lib/bernard-guest", 10, true, ["auto"]],
    ],
    ["fractions", "interval = 2.5", ["/var/lib/bernard-guest", 30, true, ["auto"]]],
    ["a list replaces its default", "disk = /a\ndisk = /b/", ["/var/lib/bernard-guest", 30, true, ["/a", "/b"]]],
    ["an empty list", "disk = none", ["/var/lib/bernard-guest", 30, true, []]],
    [
      "none forgets what stands above it",
      "disk = /a\ndisk = none\ndisk = /b",
      ["/var/lib/bernard-guest", 30, true, ["/b"]],
    ],
    [
      "a comment behind a number or a word",
      "watchdog-timeout = 20 # s\nrealtime = no#!",
      ["/var/lib/bernard-guest", 20, false, ["auto"]],
    ],
    ["but not behind a path", "disk = /a # b", ["/var/lib/bernard-guest", 30, true, ["/a # b"]]],
    ["words in any case", "realtime = NO", ["/var/lib/bernard-guest", 30, false, ["auto"]]],
    [
      "an empty value: no path, no more of a list, and a default that stays",
      "state-directory =\nwatchdog-timeout =\nrealtime =\ndisk = /a\ndisk =",
      ["none", 30, true, ["/a"]],
    ],
    ["a list that is only empty", "disk =", ["/var/lib/bernard-guest", 30, true, []]],
    ["a path that is none", "state-directory = none\nrealtime = no", ["none", 30, false, ["auto"]]],
    ["equals signs in a value", "disk = /a=b", ["/var/lib/bernard-guest", 30, true, ["/a=b"]]],
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
    ["not a switch", "realtime = true", ["/etc/b.conf:1: realtime: 'true' is neither 'yes' nor 'no'"]],
    [
      "relative path",
      "disk = data",
      ["/etc/b.conf:1: disk: 'data' is neither 'auto', 'none' nor an absolute path of less than 1024 characters"],
    ],
    ["a zero byte", "disk = /a\0b", ["/etc/b.conf:1: not a setting: 'disk = /a\0b'; write 'key = value'"]],
    [
      "more problems than anybody reads",
      "x = 1\n".repeat(23),
      [
        ...Array.from({ length: 20 }, (_, i) => `/etc/b.conf:${i + 1}: unknown key 'x'; see bernard-guest --help`),
        "/etc/b.conf: 3 more problems",
      ],
    ],
    ["an include, where nothing can be looked up", "include = /a", ["/etc/b.conf:1: include: /a: cannot be read here"]],
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

/** One key of each type that has its own way to be written. */
const samples: readonly Key[] = [
  { name: "file", type: "texts", form: "FILE", most: 3, problemWith: () => undefined, help: "" },
  { name: "change", type: "attribute", of: "file", unit: "seconds", whole: true, min: 1, max: 9999, help: "" },
  { name: "auto-refresh", type: "choice", options: ["auto", "yes", "no"], fallback: "auto", help: "" },
  { name: "retry", type: "number", unit: "seconds", min: 0, max: 100, fallback: 60, help: "" },
  { name: "soft", type: "switch", fallback: false, sets: ["retry", 0], help: "" },
  { name: "old", type: "retired", help: "for a reason" },
  { name: "older", type: "retired", help: "for another" },
  { name: "binary", type: "path", program: true, fallback: "none", help: "" },
  { name: "device", type: "path", word: "auto", fallback: "auto", help: "" },
];

/** Files and folders by path; the configuration itself is /etc/b.conf. */
type Disk = Readonly<Record<string, string | readonly string[]>>;

function read(disk: Disk): unknown {
  const find = (path: string): Found => {
    const here = disk[path];
    if (here === undefined) return { problem: "no such file", missing: true };
    return typeof here === "string" ? { text: here } : { names: here };
  };
  const settings = parseConfig(disk["/etc/b.conf"] as string, "/etc/b.conf", samples, find);
  if ("problems" in settings) return settings.problems;
  const files = settings.texts("file").map((file) => [file, settings.attribute("change", file) ?? "any"].join(" "));
  return {
    files,
    is: `${settings.choice("auto-refresh")}, ${settings.number("retry")}, ${settings.path("binary")}, ${settings.path("device")}`,
    notices: settings.notices,
    programs: settings.programs,
  };
}

const plain = { files: [], is: "auto, 60, none, auto", notices: [], programs: [] };

export const types = suite("parseConfig, types", (text: string) => read({ "/etc/b.conf": text }), [
  [
    "an attribute belongs to the item above it",
    "file = a\nfile = b\nretry = 60\nchange = 7",
    { ...plain, files: ["a any", "b 7"] },
  ],
  ["one for each", "file = a\nchange = 1 # s\nfile = b\nchange = 2", { ...plain, files: ["a 1", "b 2"] }],
  [
    "with nothing above it",
    "change = 7\nfile = a",
    ["/etc/b.conf:1: change: no 'file =' above it in this file; put it below the one it belongs to"],
  ],
  [
    "with nothing left above it",
    "file = a\nfile = none\nchange = 7",
    ["/etc/b.conf:3: change: no 'file =' above it in this file; put it below the one it belongs to"],
  ],
  [
    "twice for one item",
    "file = a\nchange = 7\nchange = 8",
    ["/etc/b.conf:3: change: already set in line 2; keep one"],
  ],
  [
    "out of range",
    "file = a\nchange = 0",
    ["/etc/b.conf:2: change: '0' is not a whole number from 1 to 9999 (seconds)"],
  ],
  [
    "too many of a list",
    "file = a\nfile = b\nfile = c\nfile = d",
    ["/etc/b.conf:4: file: more than 3 of them; keep that many"],
  ],
  ["a choice in any case", "auto-refresh = Yes # really", { ...plain, is: "yes, 60, none, auto" }],
  ["not a choice", "auto-refresh = perhaps", ["/etc/b.conf:1: auto-refresh: 'perhaps' is not one of auto, yes, no"]],
  ["a word for a path", "device = auto", plain],
  [
    "another word",
    "device = best",
    ["/etc/b.conf:1: device: 'best' is neither 'auto', 'none' nor an absolute path of less than 1024 characters"],
  ],
  [
    "a switch that sets a number, whatever the file says",
    "soft = yes\nretry = 30",
    { ...plain, is: "auto, 0, none, auto" },
  ],
  ["and off does not", "soft = no\nretry = 30", { ...plain, is: "auto, 30, none, auto" }],
  [
    "what is without effect is told in one line, what keeps its default in one each",
    "old = x\nretry =\nolder =",
    {
      ...plain,
      notices: [
        "/etc/b.conf:2: retry: no value, so it keeps what it has",
        "/etc/b.conf: without effect: old (for a reason); older (for another)",
      ],
    },
  ],
  [
    "a program is known with its line",
    "\nbinary = /usr/sbin/repair",
    {
      ...plain,
      is: "auto, 60, /usr/sbin/repair, auto",
      programs: [{ origin: "/etc/b.conf:2: binary", path: "/usr/sbin/repair" }],
    },
  ],
]);

export const includes = suite("parseConfig, includes", read, [
  [
    "a folder's files by name, and of what else is in it nothing; later ones win, lists add up",
    {
      "/etc/b.conf": "retry = 1\nfile = a\ninclude = /etc/b.d/\nauto-refresh = no\n",
      "/etc/b.d/": ["20.conf", "10.conf", "10.conf.bak", ".30.conf"],
      "/etc/b.d/10.conf": "retry = 2\nfile = b\nfile = a\nchange = 5\nauto-refresh = yes",
      "/etc/b.d/20.conf": "retry = 3\nfile = c",
    },
    { ...plain, files: ["a 5", "b any", "c any"], is: "no, 3, none, auto" },
  ],
  [
    "a folder without a slash at its end",
    { "/etc/b.conf": "include = /d", "/d": ["a.conf"], "/d/a.conf": "retry = 2" },
    { ...plain, is: "auto, 2, none, auto" },
  ],
  ["a folder that is missing", { "/etc/b.conf": "include = /d/" }, plain],
  ["a file that is missing", { "/etc/b.conf": "\ninclude = /d" }, ["/etc/b.conf:2: include: /d: no such file"]],
  [
    "no absolute path",
    { "/etc/b.conf": "include = d" },
    ["/etc/b.conf:1: include: 'd' is not an absolute path of less than 1024 characters"],
  ],
  [
    "problems are told where they stand",
    { "/etc/b.conf": "include = /c\nretry = x", "/c": "\n\nretry = 101" },
    [
      "/c:3: retry: '101' is not a number from 0 to 100 (seconds)",
      "/etc/b.conf:2: retry: 'x' is not a number from 0 to 100 (seconds)",
    ],
  ],
  [
    "twice in one file is told there",
    { "/etc/b.conf": "include = /c", "/c": "retry = 1\nretry = 2" },
    ["/c:2: retry: already set in line 1; keep one"],
  ],
  [
    "an attribute does not reach into another file",
    { "/etc/b.conf": "file = a\ninclude = /c\nchange = 5", "/c": "file = b" },
    { ...plain, files: ["a 5", "b any"] },
  ],
  [
    "none in a later file forgets all",
    { "/etc/b.conf": "file = a\ninclude = /c", "/c": "file = none\nfile = b" },
    { ...plain, files: ["b any"] },
  ],
  ["itself", { "/etc/b.conf": "include = /etc/b.conf" }, ["/etc/b.conf:1: include: /etc/b.conf: it includes itself"]],
  [
    "each other",
    { "/etc/b.conf": "include = /c", "/c": "include = /etc/b.conf" },
    ["/c:1: include: /etc/b.conf: it includes itself"],
  ],
  [
    "too deep",
    {
      "/etc/b.conf": "include = /1",
      "/1": "include = /2",
      "/2": "include = /3",
      "/3": "include = /4",
      "/4": "include = /5",
      "/5": "",
    },
    ["/4:1: include: /5: more than 4 includes deep"],
  ],
  [
    "too many",
    { "/etc/b.conf": "include = /c\n".repeat(64), "/c": "" },
    ["/etc/b.conf:64: include: /c: more than 64 files"],
  ],
  [
    "too much in all",
    { "/etc/b.conf": "include = /c\ninclude = /c\n", "/c": `#${"x".repeat(40000)}` },
    ["/etc/b.conf:2: include: /c: more than 64 KiB in all"],
  ],
  [
    "a folder in a folder",
    { "/etc/b.conf": "include = /d/", "/d/": ["e.conf"], "/d/e.conf": [] },
    ["/etc/b.conf:1: include: /d/e.conf: a folder in a folder; include it by itself"],
  ],
]);
