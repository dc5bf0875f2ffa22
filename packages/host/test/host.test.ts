/** The daemon on a real libvirtd with real guests: what it sees, keeps and shows. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { Libvirt } from "@bernard/hypervisor/libvirt";
import { guestXml, sessionDaemon } from "@bernard/hypervisor/test-daemon";
import { pino } from "pino";
import { HostClient } from "../src/api/client.ts";
import type { IncidentView } from "../src/api/server.ts";
import { parseConfig } from "../src/config.ts";
import { replay } from "../src/daemon/input-log.ts";
import type { GuestView, ReportView, StatusView } from "../src/daemon/views.ts";
import { startHost } from "../src/host.ts";
import type { KeptIncident } from "../src/journal/journal.ts";

const daemon = await sessionDaemon({ after });

/** A witness in a folder of its own, and its API. */
async function witness(t: TestContext, name: string, extra = "") {
  const dir = join(daemon.dir, name);
  const text = `connect: "${daemon.uri("qemu:///session")}"\nstate: ${dir}/state\nrun: ${dir}/run\n${extra}`;
  const lines: string[] = [];
  const log = pino({ level: "debug" }, { write: (line: string) => lines.push(line) });
  const start = async () => {
    const host = await startHost(parseConfig(text, "host.yaml"), "0.1.0", log);
    let running = true;
    const stop = async () => {
      if (running) await host.stop();
      running = false;
    };
    t.after(stop);
    return stop;
  };
  const client = new HostClient(`${dir}/run/host.sock`);
  return { dir, start, client, lines, stop: await start() };
}

/** What `ask` gives once it is as wanted: the daemon tells nobody when it has noticed something. */
async function eventually<T>(t: TestContext, ask: () => Promise<T>, isIt: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await ask();
    if (isIt(value)) return value;
    if (t.signal.aborted) throw new Error(`it stays ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function tinyGuest(t: TestContext, options: { name: string; action: string }) {
  const libvirt = await Libvirt.open(daemon.uri("qemu:///session"));
  const xml = guestXml(daemon, options);
  const { domain } = await libvirt.call("domainCreateXml", { xml, flags: 0 }, { deadlineMs: 60_000 });
  const destroy = () =>
    libvirt.call("domainDestroyFlags", { domain, flags: 0 }, { deadlineMs: 60_000 }).catch(() => {});
  t.after(async () => {
    await destroy();
    libvirt.close();
  });
  return { domain, destroy, libvirt };
}

test("a fire that pauses is an incident with evidence, told by the API, kept over a restart, and ends with its guest", async (t) => {
  const { client, dir, stop, start } = await witness(t, "pause", "read-only: false\n");
  const { domain, destroy } = await tinyGuest(t, { name: "web-1", action: "pause" });
  const incidents = () => client.get<KeptIncident[]>("/v1/incidents");
  const [incident] = await eventually(t, incidents, (all) => all.length > 0);
  assert.equal(incident?.name, "web-1");
  assert.deepEqual(
    incident.signs.map(({ sign, detail }) => `${sign}: ${detail}`),
    ["fire: its watchdog fired; action pause"],
  );
  const detail = () => client.get<IncidentView>(`/v1/incidents/${incident.id}`);
  const { evidence } = await eventually(t, detail, (view) => view.evidence.length >= 2);
  const files = evidence.map(({ path }) => path).toSorted();
  assert.deepEqual(files, ["fire/counters.json", "fire/screen.png"]);
  const png = await readFile(join(dir, "state/evidence", domain.uuid, String(incident.id), "fire/screen.png"));
  assert.equal(png.subarray(1, 4).toString(), "PNG");

  await stop();
  await start();
  const [again] = await incidents();
  assert.deepEqual(again, incident, "not lost, not told twice");
  const guest = await client.get<GuestView[]>("/v1/guests");
  assert.deepEqual(
    guest.map(({ name, state, reason, incident: open }) => [name, state, reason, open]),
    [["web-1", "paused", "watchdog", incident.id]],
  );
  await destroy();
  const [over] = await eventually(t, incidents, ([first]) => first?.closedAt !== undefined);
  assert.ok(over?.outcome === "off" || over?.outcome === "gone", over?.outcome);
});

test("what fired while nobody listened is found at the start", async (t) => {
  const { libvirt, domain } = await tinyGuest(t, { name: "web-2", action: "pause" });
  await eventually(
    t,
    () => libvirt.call("domainGetState", { domain, flags: 0 }),
    ({ state }) => state === 3,
  );
  const { client } = await witness(t, "late");
  const [incident] = await client.get<KeptIncident[]>("/v1/incidents?guest=web-2");
  assert.equal(incident?.signs[0]?.detail, "found paused by its watchdog");
});

test("the report counts, the status shows, metrics have the exporters' names, a mute is kept", async (t) => {
  const { client } = await witness(t, "report");
  await tinyGuest(t, { name: "db-1", action: "none" });
  const report = () => client.get<ReportView>("/v1/report?since=0");
  const { fired, unprotected } = await eventually(t, report, (view) => view.fired.length > 0);
  assert.deepEqual(
    fired.map(({ name, times }) => [name, times]),
    [["db-1", 1]],
  );
  assert.deepEqual(unprotected, []);
  await client.send("PUT", "/v1/guests/db-1/mute", { seconds: 600 });
  const status = await client.get<StatusView>("/v1/status");
  assert.deepEqual([status.isConnected, status.guests, status.muted, status.journalTrouble], [true, 1, ["db-1"], null]);
  await assert.rejects(client.send("PUT", "/v1/guests/nobody/mute", { seconds: 600 }), /there is no guest nobody/);
  await assert.rejects(client.send("PUT", "/v1/guests/db-1/mute", { seconds: 0 }), /seconds/);
  const response = await client.stream("/metrics");
  let text = "";
  for await (const chunk of response) text += chunk;
  assert.match(text, /^libvirt_domain_watchdog_events_total\{domain="db-1",action="none"\} 1$/m);
  assert.match(text, /^bernard_up 1$/m);
  const openapi = await client.get<{ paths: object }>("/openapi.json");
  assert.ok("/v1/incidents/{id}" in openapi.paths);
});

test("what the engine was told is recorded, and makes the same decisions to the byte when it is replayed", async (t) => {
  const record = join(daemon.dir, "record.jsonl");
  const { client, stop } = await witness(t, "record", `record: ${record}\nread-only: false\n`);
  const { destroy } = await tinyGuest(t, { name: "rec-1", action: "reset" });
  await eventually(
    t,
    () => client.get<KeptIncident[]>("/v1/incidents"),
    (all) => all.length > 0,
  );
  await destroy();
  await eventually(
    t,
    () => client.get<StatusView>("/v1/status"),
    ({ open }) => open.length === 0,
  );
  await stop();
  const recorded = (await readFile(record, "utf8")).trimEnd().split("\n");
  assert.ok(
    recorded.some((line) => line.includes('"type":"open"')) && recorded.some((line) => line.includes('"type":"close"')),
  );
  assert.deepEqual([...replay(recorded)], recorded);
});

test("a second daemon is refused, and touches nothing of the first", async (t) => {
  const { start, client } = await witness(t, "second");
  await assert.rejects(start(), /another bernard host runs/);
  assert.equal((await client.get<StatusView>("/v1/status")).isConnected, true);
});

test("a hypervisor that is not there is an error, and leaves no lock behind", async (t) => {
  const state = join(daemon.dir, "gone");
  const config = (socket: string) =>
    parseConfig(`connect: "qemu:///session?socket=${socket}"\nstate: ${state}\nrun: ${state}/run\n`, "host.yaml");
  const log = pino({ level: "silent" });
  await assert.rejects(startHost(config(`${state}/none`), "0.1.0", log), { name: "UserError", exitCode: 3 });
  const host = await startHost(config(daemon.socket), "0.1.0", log);
  t.after(() => host.stop());
});
