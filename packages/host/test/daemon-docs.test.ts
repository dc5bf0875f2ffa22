/** docs/host/daemon.md: its table is host.yaml's schema, its examples are right. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "@bernard/tools";
import { alertOf } from "../src/alerts/alert.ts";
import { parseConfig } from "../src/config.ts";
import { type ConfigKey, configKeys } from "../src/config-keys.ts";

const page = await readFile(join(root, "docs/host/daemon.md"), "utf8");

const example = (language: string): string =>
  new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, "s").exec(page)?.[1] ?? assert.fail(`no example in ${language}`);

const rowsOf = ({ name, fallback, help, keys }: ConfigKey, above = ""): string[] =>
  keys.length > 0
    ? keys.flatMap((key) => rowsOf(key, `${above}${name}.`))
    : [`| \`${above}${name}\` | ${fallback === undefined ? "not set" : `\`${fallback}\``} | ${help} |`];

test("the table has every key with its default and its help", () => {
  const table = /\| key \| default \| \|\n\| --- \| --- \| --- \|\n((?:\|.*\n)+)/.exec(page)?.[1];
  assert.deepEqual(
    table?.trimEnd().split("\n"),
    configKeys().flatMap((key) => rowsOf(key)),
  );
});

test("the alerts' example is a configuration with a receiver of each kind", () => {
  const kinds = Object.values(parseConfig(example("yaml"), "host.yaml").alerts).map(({ type }) => type);
  assert.deepEqual(kinds, ["webhook", "email", "command"]);
});

test("the alert is what a receiver gets", () => {
  const shown = JSON.parse(example("json"));
  const at = Date.parse(shown.at);
  const sign = { sign: "fire", at, detail: "its watchdog fired; action reset" } as const;
  const incident = { id: 7, uuid: shown.guest, name: "web-1", openedAt: at, signs: [sign], would: [] };
  const kept = { ...incident, closedAt: undefined, outcome: undefined };
  const queued = { id: 1, receiver: "chat", incident: 7, sign: "fire", attempts: 0 } as const;
  assert.deepEqual(alertOf(queued, kept, "host-3"), shown);
});
