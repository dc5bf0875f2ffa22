/** The journal on real files. */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Effect, Sign } from "../src/engine/incident.ts";
import { openJournal } from "../src/journal/open-journal.ts";

const NOW = new Date("2026-11-22T03:00:00.000Z");
const UUID = "5a9f5bcf-e189-414a-9a2f-eff3117dd7e3";
const START = 1_790_000_000_000;
const calendar = (at: number) => START + at;

function stateDir(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), "bernard-journal-"));
  t.after(() => rmSync(dir, { recursive: true }));
  return dir;
}

const fired: Sign = { sign: "fire", at: 1000, detail: "its watchdog fired; action reset" };
const opened: Effect = {
  type: "open",
  incident: { id: 1, uuid: UUID, name: "web-1", signs: [fired], lastSignAt: 1000 },
};
const facts = {
  uuid: UUID,
  name: "web-1",
  state: "running",
  reason: "booted",
  run: "7",
  hasDaemon: true,
  boot: "a",
  mutedUntil: 0,
  ends: [START + 1000],
};

test("an incident, its signs, what would be done and its alerts are there after a restart", (t) => {
  const dir = stateDir(t);
  const { journal } = openJournal(dir, NOW);
  assert.equal(journal.nextIncident, 1);
  assert.deepEqual([journal.hostBooted("b1"), journal.hostBooted("b1"), journal.hostBooted("b2")], [true, false, true]);
  const looped: Sign = { sign: "reset-loop", at: 2000, detail: "3 ends within 60 min" };
  const steps: Effect[] = [
    opened,
    { type: "alert", id: 1, sign: fired },
    { type: "sign", id: 1, sign: looped },
    { type: "would", id: 1, at: 2000, remedy: "quarantine", why: "a further reset would not cure it" },
    { type: "read", uuid: UUID },
  ];
  journal.commit(steps, [facts], ["webhook", "mail"], calendar);
  journal.close();

  const again = openJournal(dir, NOW);
  t.after(() => again.journal.close());
  assert.equal(again.keptAside, undefined);
  const kept = {
    id: 1,
    uuid: UUID,
    name: "web-1",
    openedAt: START + 1000,
    closedAt: undefined,
    outcome: undefined,
    signs: [
      { ...fired, at: START + 1000 },
      { ...looped, at: START + 2000 },
    ],
    would: [{ at: START + 2000, remedy: "quarantine", why: "a further reset would not cure it" }],
  };
  assert.deepEqual(again.journal.openIncidents(), [kept]);
  assert.deepEqual(again.journal.guests(), [facts]);
  const alerts = again.journal.dueAlerts(START + 1000);
  assert.deepEqual(
    alerts.map(({ receiver, incident, sign }) => [receiver, incident, sign]),
    [
      ["webhook", 1, "fire"],
      ["mail", 1, "fire"],
    ],
  );

  again.journal.alertFailed(alerts[0]!.id, START + 60_000);
  again.journal.alertDone(alerts[1]!.id);
  assert.deepEqual(again.journal.dueAlerts(START + 59_999), []);
  assert.equal(again.journal.nextAlertAt(), START + 60_000);
  assert.equal(again.journal.dueAlerts(START + 60_000)[0]?.attempts, 1);

  again.journal.commit([{ type: "close", id: 1, outcome: "back", at: 5000 }], [], [], calendar);
  assert.deepEqual(again.journal.openIncidents(), []);
  assert.deepEqual(again.journal.incident(1), { ...kept, closedAt: START + 5000, outcome: "back" });
  assert.deepEqual(again.journal.forgetIncidents(START + 5000), []);
  assert.deepEqual(again.journal.forgetIncidents(START + 5001), [1]);
  assert.equal(again.journal.nextAlertAt(), undefined, "its alert went with it");
  assert.equal(again.journal.nextIncident, 2, "a number is never given twice");
});

test("incidents are found by guest and by time", (t) => {
  const { journal } = openJournal(stateDir(t), NOW);
  t.after(() => journal.close());
  for (const [id, name, at] of [
    [1, "a", 0],
    [2, "b", 1000],
    [3, "a", 2000],
  ] as const) {
    const sign: Sign = { sign: "fire", at, detail: "" };
    const incident = { id, uuid: `${name}${name}`, name, signs: [sign], lastSignAt: at };
    journal.commit(
      [
        { type: "open", incident },
        { type: "close", id, outcome: "calm", at: at + 1 },
      ],
      [],
      [],
      calendar,
    );
  }
  const ids = (filter: Parameters<typeof journal.incidents>[0]) => journal.incidents(filter).map(({ id }) => id);
  assert.deepEqual(ids({}), [3, 2, 1]);
  assert.deepEqual(ids({ guest: "a" }), [3, 1]);
  assert.deepEqual(ids({ guest: "bb" }), [2]);
  assert.deepEqual(ids({ since: START + 1000 }), [3, 2]);
  assert.deepEqual(ids({ limit: 1 }), [3]);
  const sign: Sign = { sign: "fire", at: 500, detail: "" };
  const still = { id: 4, uuid: "cc", name: "c", signs: [sign], lastSignAt: 500 };
  journal.commit([{ type: "open", incident: still }], [], [], calendar);
  assert.deepEqual(ids({ since: START + 1000 }), [4, 3, 2], "what is open, however long");
});

test("what a receiver was told is forgotten with the incidents of its time", (t) => {
  const { journal } = openJournal(stateDir(t), NOW);
  t.after(() => journal.close());
  const isToldAgain = (id: number) => {
    const steps: Effect[] = [
      { type: "open", incident: { id, uuid: UUID, name: "web-1", signs: [fired], lastSignAt: 1000 } },
      { type: "alert", id, sign: fired },
    ];
    journal.commit(steps, [], ["ops"], calendar);
    return journal.dueAlerts(START + 1000).some(({ incident }) => incident === id);
  };
  assert.equal(isToldAgain(1), true);
  journal.alertDone(journal.dueAlerts(START + 1000)[0]!.id);
  assert.equal(isToldAgain(2), false, "within a while");
  journal.forgetIncidents(START + 2000);
  assert.equal(isToldAgain(3), true);
});

test("a step that cannot be written leaves nothing of itself", (t) => {
  const { journal } = openJournal(stateDir(t), NOW);
  t.after(() => journal.close());
  const unknown: Effect = { type: "sign", id: 99, sign: fired };
  assert.throws(() => journal.commit([opened, unknown], [facts], ["webhook"], calendar), /FOREIGN KEY/);
  assert.deepEqual([journal.incidents(), journal.guests(), journal.dueAlerts(Number.MAX_SAFE_INTEGER)], [[], [], []]);
});

test("a second daemon is refused", (t) => {
  const dir = stateDir(t);
  const { journal } = openJournal(dir, NOW);
  t.after(() => journal.close());
  assert.throws(() => openJournal(dir, NOW), {
    name: "UserError",
    message: new RegExp(`another bernard host runs with ${dir}`),
  });
});

for (const [what, spoil] of [
  ["no database at all", () => Buffer.from("hello".repeat(1000))],
  ["a database with a page of noise", (bytes: Buffer) => bytes.fill(0xa5, 4096, 12288)],
] as const) {
  test(`a journal that is ${what} is kept aside, and a new one begun`, (t) => {
    const dir = stateDir(t);
    const path = join(dir, "journal.db");
    const { journal } = openJournal(dir, NOW);
    journal.commit([opened], [facts], [], calendar);
    journal.close();
    const spoiled = spoil(readFileSync(path));
    writeFileSync(path, spoiled);
    const again = openJournal(dir, NOW);
    t.after(() => again.journal.close());
    assert.equal(again.keptAside, `${path}.corrupt-20261122T030000Z`);
    assert.deepEqual(readFileSync(again.keptAside), spoiled, "not a byte of it has changed");
    assert.deepEqual(again.journal.incidents(), []);
  });
}

test("a directory that is not there is an error that says so", (t) => {
  const dir = join(stateDir(t), "none");
  assert.throws(() => openJournal(dir, NOW), {
    name: "UserError",
    message: /journal .*none\/journal\.db cannot be opened/,
  });
  assert.deepEqual(readdirSync(join(dir, "..")), []);
});
