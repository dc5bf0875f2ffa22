/** `bernard host` and the commands that ask it, as a person runs them, beside a real libvirtd with a real guest. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { Libvirt } from "@bernard/hypervisor/libvirt";
import { guestXml, sessionDaemon } from "@bernard/hypervisor/test-daemon";
import { run } from "@bernard/tools";
import { daemonTrouble } from "../src/daemon-trouble.ts";
import { runBernard, startBernard } from "./run-bernard.ts";

const daemon = await sessionDaemon({ after });

async function hostOf(t: TestContext, name: string, more = "") {
  const dir = join(daemon.dir, name);
  await mkdir(dir);
  const config = join(dir, "host.yaml");
  const text = `connect: "${daemon.uri("qemu:///session")}"\nread-only: false\nstate: ${dir}/state\nrun: ${dir}/run\n`;
  await writeFile(config, text + more);
  const host = startBernard(t, "host", "--config", config);
  const socket = ["--socket", `${dir}/run/host.sock`];
  const ask = (...words: readonly string[]) => runBernard(t, ...words, ...socket);
  return { dir, config, host, ask };
}

/** Resolves once the daemon has logged a line with all of these. */
async function logged(host: ReturnType<typeof startBernard>, ...parts: readonly string[]): Promise<void> {
  let text = "";
  for (;;) {
    if (text.split("\n").some((line) => parts.every((part) => line.includes(part)))) return;
    const [chunk] = await Promise.race([
      once(host.child.stderr, "data"),
      host.ended.then((end) => Promise.reject(new Error(end.stderr))),
    ]);
    text += chunk;
  }
}

test("from the start of the daemon to the archive of an incident", async (t) => {
  const { dir, config, host, ask } = await hostOf(t, "story");
  await logged(host, "every guest is watched; nothing is touched");
  const quiet = await ask("status");
  assert.equal(quiet.code, 0, quiet.stderr);
  assert.match(
    quiet.stdout,
    /: libvirt at .*, since .*\nguests: 0, on: 0, of these without a watchdog device: 0\nno incident is open\n$/,
  );
  const nothing = await ask("report");
  assert.deepEqual(
    [nothing.code, nothing.stdout.split("\n")[1]],
    [0, "nothing to tell: no guest fired, hung or looped, all that run have a watchdog device"],
  );

  const libvirt = await Libvirt.open(daemon.uri("qemu:///session"));
  const xml = guestXml(daemon, { name: "web&amp;1", action: "pause" });
  const fired = logged(host, "web&1:", "its watchdog fired; action pause", "incident=1");
  const { domain } = await libvirt.call("domainCreateXml", { xml, flags: 0 }, { deadlineMs: 60_000 });
  t.after(async () => {
    await libvirt.call("domainDestroyFlags", { domain, flags: 0 }, { deadlineMs: 60_000 });
    libvirt.close();
  });
  await fired;

  const status = await ask("status");
  assert.equal(status.code, 1);
  assert.match(
    status.stdout,
    /^INCIDENT {2}BEGAN .*\n1 +\S+ \S+ {2}web&1 +fire +open +its watchdog fired; action pause$/m,
  );
  const report = await ask("report", "--since", "today");
  assert.equal(report.code, 1);
  assert.match(report.stdout, /\n1 fired\n {2}web&1, incident 1\n/);
  const list = await ask("incidents", "--guest", domain.uuid, "--json");
  assert.deepEqual(
    JSON.parse(list.stdout).map(({ id, name }: { id: number; name: string }) => [id, name]),
    [[1, "web&1"]],
  );
  assert.equal((await ask("incidents", "--guest", "nobody")).stdout, "no incident\n");

  const shown = await ask("incident", "show", "1");
  assert.match(
    shown.stdout,
    /^incident 1 of web&1 \([0-9a-f-]{36}\)\nbegan .*, open\n {2}.* fire: its watchdog fired; action pause\n/,
  );
  const archive = join(dir, "one.tar.gz");
  assert.equal((await ask("incident", "export", "1", "-o", archive)).stdout, `${archive}\n`);
  await mkdir(join(dir, "out"));
  await run("tar", ["-xzf", archive, "-C", join(dir, "out")]);
  assert.ok((await readdir(join(dir, "out"))).includes("SUMMARY.txt"));
  const again = await ask("incident", "export", "1", "-o", archive);
  assert.deepEqual([again.code, again.stdout], [1, ""]);
  assert.match(again.stderr, /^bernard: .*one\.tar\.gz cannot be written: .*exist.*\n$/);
  const unknown = await ask("incident", "show", "99");
  assert.deepEqual([unknown.code, unknown.stderr], [1, "bernard: there is no incident 99\n"]);

  assert.equal((await ask("mute", "web&1", "10m")).code, 0);
  assert.match((await ask("status")).stdout, /^muted: web&1$/m);
  assert.equal((await ask("unmute", "web&1")).code, 0);
  assert.doesNotMatch((await ask("status")).stdout, /muted/);

  const second = await runBernard(t, "host", "--config", config);
  assert.equal(second.code, 3);
  assert.match(second.stderr, /another bernard host runs with /);

  const refused = logged(host, "not reloaded, the old configuration holds", "host.yaml:1: conect: no such key");
  await writeFile(config, "conect: a\n");
  host.child.kill("SIGHUP");
  await refused;
  host.child.kill("SIGTERM");
  assert.equal((await host.ended).code, 0);
  const down = await ask("status");
  assert.equal(down.code, 3);
  assert.match(down.stderr, /^bernard: bernard host does not run \(.*host\.sock\); systemctl status bernard-host\n$/);
});

test("a reload takes a new configuration, and nothing is lost", async (t) => {
  const { config, host, ask, dir } = await hostOf(t, "reload");
  await logged(host, "nothing is touched");
  const reloaded = logged(host, "reloaded");
  const text = `connect: "${daemon.uri("qemu:///session")}"\nread-only: true\nstate: ${dir}/state\nrun: ${dir}/run\n`;
  await writeFile(config, text);
  host.child.kill("SIGHUP");
  await reloaded;
  assert.match((await ask("status")).stdout, /, looking only, since /);
});

test("signals that come while a reload is under way end nothing, and are obeyed after it", async (t) => {
  const { host, ask } = await hostOf(t, "storm");
  await logged(host, "nothing is touched");
  for (const _ of Array(20)) host.child.kill("SIGHUP");
  await logged(host, "reloaded");
  host.child.kill("SIGHUP");
  await logged(host, "reloaded");
  assert.equal((await ask("status")).code, 0);
  host.child.kill("SIGHUP");
  host.child.kill("SIGTERM");
  assert.equal((await host.ended).code, 0);
});

test("a configuration with which nothing can be started is not taken", async (t) => {
  const { config, host, ask, dir } = await hostOf(t, "unstartable");
  await logged(host, "nothing is touched");
  const refused = logged(host, "not reloaded, the old configuration holds");
  const text = `connect: "qemu:///session?socket=${dir}/none"\nstate: ${dir}/state\nrun: ${dir}/run\n`;
  await writeFile(config, text);
  host.child.kill("SIGHUP");
  await refused;
  host.child.kill("SIGHUP");
  await logged(host, "not reloaded, the old configuration holds");
  assert.equal((await ask("status")).code, 0);
});

test("what a daemon in trouble cannot tell is told first, by the report, too", async (t) => {
  const { dir, config, host, ask } = await hostOf(t, "corrupt");
  await logged(host, "nothing is touched");
  host.child.kill("SIGTERM");
  await host.ended;
  await writeFile(join(dir, "state/journal.db"), "no journal ".repeat(10_000));
  await logged(startBernard(t, "host", "--config", config), "nothing is touched");
  const [report, status] = [await ask("report"), await ask("status")];
  assert.deepEqual([report.code, status.code], [1, 1]);
  const told =
    /^A JOURNAL WAS CORRUPT, its incidents are not here: move (\S+journal\.db\.corrupt-\S+) away, or delete it\nno/m;
  assert.match(report.stdout, told);
  await rm(told.exec(status.stdout)![1]!);
  assert.deepEqual([(await ask("report")).code, (await ask("status")).code], [0, 0]);
  assert.deepEqual(
    daemonTrouble({ isConnected: false, journalTrouble: "database or disk is full", corruptJournals: [] }),
    [
      "NOT CONNECTED: what happens now is found when the hypervisor is heard again",
      "THE JOURNAL IS NOT WRITTEN, the newest incidents are not here: database or disk is full",
    ],
  );
});

test("--check tells a right configuration from a wrong one", async (t) => {
  const config = join(daemon.dir, "check.yaml");
  await writeFile(config, "judge:\n  silence: 90 s\n");
  const right = await runBernard(t, "host", "--check", "--config", config);
  assert.deepEqual([right.code, right.stdout], [0, "the configuration is right\n"]);
  await writeFile(config, "judge:\n  silence: 90\n");
  const wrong = await runBernard(t, "host", "--check", "--config", config);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /^bernard: .*check\.yaml:2: judge\.silence: /);
  const none = await runBernard(t, "host", "--check", "--config", `${config}.none`);
  assert.deepEqual(
    [none.code, none.stderr],
    [2, `bernard: there is no ${config}.none; leave --config out for the defaults\n`],
  );
});

test("times are understood, or refused in one line", async (t) => {
  for (const since of ["tomorrow", "2999-01-01", "24 hours", ""]) {
    const { code, stderr } = await runBernard(t, "report", "--since", since);
    assert.equal(code, 2);
    assert.match(stderr, /^bernard: .*Write yesterday, today, 24h.*; try --help\n$/);
  }
});
