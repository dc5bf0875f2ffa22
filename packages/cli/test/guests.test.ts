/** `bernard guests` on real libvirtds: its rows, its JSON, and a guest that answers nothing among them. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { systemDaemon } from "@bernard/hypervisor/test-daemon";
import { runBernard } from "./run-bernard.ts";
import { startStage } from "./stage.ts";

const stage = await startStage();

test("each guest has a row: its state, its devices, its action, and nobody who would feed it", async (t) => {
  const { fired } = await stage.nextFire(t);
  await stage.start(t, { name: "fired", action: "pause" });
  await fired;
  await stage.define(t, { name: "naked", model: "none" });
  await stage.define(t, { name: "two", out: "i6300esb" });
  const table = await runBernard(t, "guests", "--connect", stage.uri);
  assert.deepEqual([table.code, table.stderr], [0, ""]);
  const rows = table.stdout
    .trimEnd()
    .split("\n")
    .map((line) => line.split(/ {2,}/));
  assert.deepEqual(rows.slice(1), [
    ["fired", "paused (watchdog)", "pc-i440fx-6.2", "ib700", "pause", "unknown"],
    ["naked", "shutoff", "pc-i440fx-6.2", "-", "-", "-"],
    ["two", "shutoff", "pc-i440fx-6.2", "ib700, i6300esb (outside)", "reset", "-"],
  ]);
  const json = await runBernard(t, "guests", "--json", "--connect", stage.uri);
  const told = JSON.parse(json.stdout) as Record<string, unknown>[];
  const { uuid: _, ...two } = told.find(({ guest }) => guest === "two")!;
  assert.deepEqual(two, {
    guest: "two",
    state: "shutoff",
    reason: "unknown",
    machine: "pc-i440fx-6.2",
    devices: [
      { model: "ib700", origin: "declared" },
      { model: "i6300esb", origin: "outside" },
    ],
    action: "reset",
    feeder: null,
    agent: false,
  });
});

test("a name that would turn a terminal's text round is shown for what it is", async (t) => {
  await stage.define(t, { name: "\u202eevil" });
  const table = await runBernard(t, "guests", "--connect", stage.uri);
  assert.match(table.stdout, /^\\u\{202e\}evil /m);
  const json = await runBernard(t, "guests", "--json", "--connect", stage.uri);
  assert.match(json.stdout, /"\\u202eevil"/);
  assert.equal(JSON.parse(json.stdout)[0].guest, "\u202eevil");
});

test("a thousand guests are a thousand rows", async (t) => {
  const file = join(stage.daemon.dir, "thousand.xml");
  // Each connection gets guests of its own, the same ones where their UUIDs are given.
  const uuid = (i: number) => `00000000-0000-4000-8000-${String(i).padStart(12, "0")}`;
  const guest = (_: unknown, i: number) =>
    `<domain type='test'><name>guest-${i}</name><uuid>${uuid(i)}</uuid><memory>8192</memory><os><type>hvm</type></os><devices/></domain>`;
  await writeFile(file, `<node>${Array.from({ length: 1000 }, guest).join("")}</node>`);
  const { code, stdout } = await runBernard(t, "guests", "--json", "--connect", stage.daemon.uri(`test://${file}`));
  assert.equal(code, 0);
  const names = (JSON.parse(stdout) as { guest: string }[]).map((each) => each.guest);
  assert.deepEqual(new Set(names), new Set(Array.from({ length: 1000 }, (__, i) => `guest-${i}`)));
});

test("the socket for readers is enough, and nobody at a socket is told as such", async (t) => {
  const daemon = await systemDaemon(t);
  const uri = `qemu:///system?socket=${daemon.readOnlySocket}`;
  assert.deepEqual(await runBernard(t, "guests", "--json", "--connect", uri), {
    code: 0,
    stdout: "[\n]\n",
    stderr: "",
  });
  const nobody = await runBernard(t, "guests", "--connect", `qemu:///system?socket=${daemon.dir}/nobody`);
  assert.equal(nobody.code, 3);
  assert.match(nobody.stderr, /^bernard: .*no libvirt listens at .*; .*\n$/);
});
