/** docs/guest/watchdog-conf.md has each key of watchdog.conf(5), and says of each what the program does with it. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, suite, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { root, unpack } from "@bernard/tools";
import { type Key, parseConfig } from "../src/config.ts";
import { keys } from "../src/settings.ts";

interface Row {
  readonly name: string;
  readonly fallback: string;
  readonly verdict: string;
}

/** A default as the page shows it. */
function shown(key: Key): string {
  switch (key.type) {
    case "retired":
      return "–";
    case "attribute":
    case "texts":
      return "none";
    case "paths":
      return key.fallback.join(" ") || "none";
    case "switch":
      return key.fallback ? "yes" : "no";
    default:
      return String(key.fallback);
  }
}

suite("docs/guest/watchdog-conf.md", () => {
  let rows: readonly Row[];
  let manual: readonly string[];
  let sample: string;

  before(async () => {
    const page = (await readFile(join(root, "docs/guest/watchdog-conf.md"))).toString();
    rows = [...page.matchAll(/^\| `([a-z0-9-]+)` \| [^|]+ \| ([^|]+) \| ([^|]+) \|/gm)].map((found) => {
      const [, name = "", fallback = "", verdict = ""] = found;
      return { name, fallback, verdict };
    });
    const watchdog = await unpack("debian-watchdog", ["watchdog"], () => {});
    const source = gunzipSync(await readFile(join(watchdog, "usr/share/man/man5/watchdog.conf.5.gz"))).toString();
    sample = (await readFile(join(watchdog, "etc/watchdog.conf"))).toString();
    manual = [...source.matchAll(/^\.TP\n([a-z0-9-]+) = </gm)].map(([, name = ""]) => name);
  });

  test("has the keys of the manual, each once", () => {
    assert.ok(manual.includes("interval") && manual.length > 30, "the manual was understood");
    assert.deepEqual(rows.map(({ name }) => name).toSorted(), manual.toSorted());
  });

  test("tells the program's own default of each, and whether it has an effect", () => {
    for (const { name, fallback, verdict } of rows) {
      const key = keys.find((candidate) => candidate.name === name);
      assert.ok(key !== undefined, `${name} is taken`);
      assert.equal(fallback, shown(key), name);
      assert.ok((key.type === "retired" ? ["no effect"] : ["same", "better"]).includes(verdict), `${name}: ${verdict}`);
    }
  });

  test("Debian's file is taken as it is", () => {
    const settings = parseConfig(sample, "watchdog.conf", keys);
    assert.ok(!("problems" in settings), JSON.stringify(settings));
    assert.deepEqual(settings.notices, []);
  });

  test("so it is with every setting in it put to use", () => {
    const isSetting = (line: string) => manual.some((name) => line.replaceAll(/\s/g, "").startsWith(`#${name}=`));
    const used = sample.split("\n").map((line) => (isSetting(line) ? line.slice(1) : line));
    const settings = parseConfig(used.join("\n"), "watchdog.conf", keys);
    assert.ok(!("problems" in settings), JSON.stringify(settings));
    assert.deepEqual(
      [settings.texts("ping"), settings.number("max-load-15"), settings.attribute("change", "/var/log/syslog")],
      [["172.16.0.1", "192.168.1.1"], 12, 1407],
    );
    assert.match(settings.notices.at(-1) ?? "", /^watchdog\.conf: without effect: .*admin \(a guest in trouble/);
  });
});
