/** host.yaml: what it means, and how it complains. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseConfig, readConfig } from "../src/config.ts";

test("an empty file is the defaults", () => {
  const config = parseConfig("", "host.yaml");
  assert.equal(config.connect, "qemu:///system");
  assert.equal(config["read-only"], true);
  assert.equal(config.judge.silence, 30_000);
  assert.deepEqual(config.judge.loop, { ends: 3, within: 3_600_000 });
  assert.equal(config.evidence["per-guest"], 64 * 1024 * 1024);
  assert.deepEqual(config.alerts, {});
});

test("durations and sizes have units", () => {
  const config = parseConfig("judge:\n  silence: 90 s\n  boot: 1h\nevidence:\n  per-guest: 512 KiB\n", "host.yaml");
  assert.deepEqual([config.judge.silence, config.judge.boot], [90_000, 3_600_000]);
  assert.equal(config.evidence["per-guest"], 512 * 1024);
});

const wrong = [
  [
    "conect: qemu:///system\n",
    "host.yaml:1: conect: no such key; the keys here are connect, read-only, state, run, judge, evidence, record, metrics, alerts",
  ],
  [
    "# a comment\njudge:\n  silence: 90 s\n  silense: 90 s\n",
    /^host\.yaml:4: judge\.silense: no such key; the keys here are silence, cross-check,/,
  ],
  ["judge:\n  silence: 90\n", "host.yaml:2: judge.silence: write a number and s, min, h, d, such as 30 s"],
  ["judge: 5\n", /^host\.yaml:1: judge: write keys and their values; the keys here are silence, cross-check,/],
  ["judge:\n  steal: 0\n", "host.yaml:2: judge.steal: write 1 to 100, percent, such as 20"],
  [
    "judge:\n  loop: { ends: x, within: 1 h }\n",
    /^host\.yaml:2: judge\.loop\.ends: write ends: 2 to 100; within: a number/,
  ],
  ["metrics: 9796\n", "host.yaml:1: metrics: write ADDRESS:PORT, such as 127.0.0.1:9796"],
  ["record: no\n", "host.yaml:1: record: write an absolute path"],
  ["judge:\n  silence: soon\n", "host.yaml:2: judge.silence: write a number from 1 on and s, min, h, d: 90 s"],
  ["judge:\n  silence: 0 s\n", /^host\.yaml:2: judge\.silence: write a number from 1 on/],
  ["metrics: 127.0.0.1:99177\n", "host.yaml:1: metrics: a port is less than 65536"],
  ["\n\nread-only: maybe\n", "host.yaml:3: read-only: write true or false, such as true"],
  ["alerts:\n  ops:\n    type: webhook\n    url: ftp://example.org\n", /^host\.yaml:4: alerts\.ops\.url: /],
  ["alerts:\n  ops:\n    type: pigeon\n", "host.yaml:3: alerts.ops.type: write webhook, email, command"],
  ["alerts:\n  ops:\n    type: command\n    run: page\n", /^host\.yaml:4: alerts\.ops\.run: write \[\/usr\//],
  ["alerts:\n  ops:\n    type: command\n    cmd: page\n", /^host\.yaml:2: alerts\.ops\.run: write \[\/usr\//],
  [
    "alerts:\n  ops:\n    type: webhook\n    url: http://a/\n    to: b\n",
    "host.yaml:5: alerts.ops.to: no such key; the keys here are type: webhook, url; or type: email, server, from, to; or type: command, run",
  ],
  ["alerts:\n  Ops:\n    type: webhook\n    url: http://a/\n", "host.yaml:2: alerts.Ops: name it with a-z, 0-9 and -"],
  ["connect: [\n", /^host\.yaml:\d: /],
  ["- connect\n", /^host\.yaml:1: the file: /],
  ["connect: a\nconnect: b\n", /^host\.yaml:2: .*unique/],
] as const;

for (const [text, message] of wrong) {
  test(`${JSON.stringify(text)} is refused with its line`, () => {
    assert.throws(() => parseConfig(text, "host.yaml"), { name: "UserError", exitCode: 2, message });
  });
}

test("a file that cannot be read is a wrong configuration, too", async () => {
  await assert.rejects(readConfig("/"), {
    name: "UserError",
    exitCode: 2,
    message: /^the configuration cannot be read: EISDIR/,
  });
});
