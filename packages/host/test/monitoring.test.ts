/** Alert rules, the board and the runbook name what there is, and leave nothing out. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root } from "@bernard/tools";
import { parse } from "yaml";
import type { GuestView, StatusView } from "../src/daemon/views.ts";
import { CAUSES } from "../src/engine/host-cause.ts";
import { rules } from "../src/engine/signs/index.ts";
import { Metrics } from "../src/metrics.ts";

const signs = [...rules, ...CAUSES].map(({ sign }) => sign);

const monitoring = (name: string) => readFile(join(root, "packages/host/monitoring", name), "utf8");

interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly annotations: Readonly<Record<string, string>>;
}

async function alertRules(): Promise<AlertRule[]> {
  const { groups } = parse(await monitoring("bernard.rules.yaml"));
  return groups.flatMap((group: { rules: AlertRule[] }) => group.rules);
}

/** The metrics that an expression reads. */
const metricsIn = (expression: string): string[] => expression.match(/\b(?:bernard|libvirt)_\w+/g) ?? [];

test("every sign has its page in the runbook, every page its sign, and the index has all", async () => {
  const pages = (await readdir(join(root, "docs/host/runbook"))).filter((name) => name !== "README.md");
  assert.deepEqual(pages.toSorted(), signs.map((sign) => `${sign}.md`).toSorted());
  const index = await readFile(join(root, "docs/host/runbook/README.md"), "utf8");
  for (const sign of signs) assert.ok(index.includes(`[${sign}](${sign}.md)`), sign);
});

const status: StatusView = {
  ...{ version: "1", host: "a", hypervisor: "b", isConnected: true, readOnly: true, startedAt: 0 },
  ...{ guests: 0, running: 0, unprotected: 0, muted: [], open: [], journalTrouble: null, corruptJournals: [] },
};

test("rules and board read metrics that the daemon has, and pages that are there", async () => {
  const text = await new Metrics(
    () => status,
    () => [],
  ).text();
  const known = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  const alerts = await alertRules();
  const board = JSON.parse(await monitoring("bernard.grafana.json"));
  const expressions = [
    ...alerts.map(({ expr }) => expr),
    ...board.panels.map((panel: { targets: { expr: string }[] }) => panel.targets[0]?.expr),
  ];
  for (const name of expressions.flatMap(metricsIn)) assert.ok(known.has(name), name);
  const used = new Set(expressions.flatMap(metricsIn));
  assert.ok(used.size >= 6);
  for (const { alert, annotations } of alerts) {
    // Where the package has them.
    const [, page = "none"] = /^\/usr\/share\/doc\/bernard\/runbook\/(.*)$/.exec(annotations.runbook ?? "") ?? [];
    assert.ok(await readFile(join(root, "docs/host/runbook", page)), alert);
    assert.ok(annotations.summary, alert);
  }
  const named = alerts.flatMap(({ expr }) => [...expr.matchAll(/sign="([^"]+)"/g)].map(([, sign]) => sign));
  for (const sign of named) assert.ok((signs as string[]).includes(sign ?? ""), sign);
});

test("the index says what to do when Bernard itself is in trouble", async () => {
  const index = await readFile(join(root, "docs/host/runbook/README.md"), "utf8");
  const own = (await alertRules()).map(({ alert }) => alert).filter((alert) => alert.startsWith("Bernard"));
  assert.deepEqual(own, ["BernardDown", "BernardDeaf", "BernardJournal"]);
  for (const alert of own) assert.ok(index.includes(`**${alert}**`), alert);
});

test("what a rule looks for an increase of is there as 0 before the first time, or that would be none", async () => {
  const guest: GuestView = {
    ...{ uuid: "1", state: "running", reason: "booted", watchdogs: ["ib700"], quietS: null },
    ...{ mutedUntil: null, incident: null, name: "web-1", action: "reset" },
  };
  const guests = [guest, { ...guest, name: "web-2", action: "dump" }, { ...guest, name: "bare", action: null }];
  const metrics = new Metrics(
    () => status,
    () => guests,
  );
  const text = await metrics.text();
  for (const sign of signs) assert.match(text, new RegExp(`^bernard_signs_total\\{sign="${sign}"\\} 0$`, "m"));
  const fires = text.split("\n").filter((line) => line.startsWith("libvirt_domain_watchdog_events_total"));
  assert.deepEqual(fires, [
    'libvirt_domain_watchdog_events_total{domain="web-1",action="reset"} 0',
    'libvirt_domain_watchdog_events_total{domain="web-2",action="pause"} 0',
  ]);
  const { uuid, name } = guest;
  const input = { at: 1, uuid, type: "fire", guest: { uuid, name, run: "1" }, action: "reset" } as const;
  metrics.step(input, []);
  metrics.step(input, []);
  assert.match(await metrics.text(), /\{domain="web-1",action="reset"\} 2$/m, "a scrape takes nothing back");
});
