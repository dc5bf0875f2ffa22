/** `bernard doctor` on real guests: what each story comes to, and that one guest's silence is its own. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { guestsOf, systemDaemon } from "@bernard/hypervisor/test-daemon";
import { runBernard } from "./run-bernard.ts";
import { startStage } from "./stage.ts";

const stage = await startStage();

interface Told {
  readonly guest: string;
  readonly feeder: string | null;
  readonly findings: readonly { readonly id: string; readonly severity: string; readonly cure: string }[];
}

/** What doctor says of one guest, notes left out, and its exit code. */
async function idsOf(t: TestContext, name: string): Promise<readonly string[]> {
  const { code, stdout, stderr } = await runBernard(t, "doctor", name, "--json", "--connect", stage.uri);
  assert.equal(stderr, "");
  const [told, ...others] = JSON.parse(stdout) as Told[];
  assert.deepEqual([told?.guest, others], [name, []]);
  const ids = told!.findings.filter(({ severity }) => severity !== "note").map(({ id }) => id);
  assert.equal(code, ids.length === 0 ? 0 : 1);
  return ids;
}

test("what is wrong by definition is told of guests that are off", async (t) => {
  await stage.define(t, { name: "good", log: true });
  await stage.define(t, { name: "naked", model: "none" });
  await stage.define(t, { name: "dumping", action: "dump" });
  await stage.define(t, { name: "numb", action: "none", model: "i6300esb" });
  await stage.define(t, { name: "two", out: "i6300esb" });
  await stage.define(t, { name: "hidden", model: "none", out: "ib700" });
  assert.deepEqual(await idsOf(t, "good"), []);
  assert.deepEqual(await idsOf(t, "naked"), ["no-device"]);
  assert.deepEqual(await idsOf(t, "dumping"), ["dump-resumes"]);
  assert.deepEqual(await idsOf(t, "numb"), ["weak-action"]);
  assert.deepEqual(await idsOf(t, "two"), ["several-watchdogs"]);
  const { version } = await stage.libvirt.call("connectGetLibVersion", {});
  assert.deepEqual(await idsOf(t, "hidden"), version < 9_001_000n ? ["crashes-libvirt"] : []);

  const { code, stdout } = await runBernard(t, "doctor", "--connect", stage.uri);
  assert.equal(code, 1);
  assert.match(stdout, /^good: well, shutoff, ib700, action reset$/m);
  assert.match(stdout, /^naked: NOT WELL, shutoff\n {2}problem {2}.*\n {11}cure: bernard protect naked$/m);
  assert.match(stdout, / of 6 guests are well\n$/);
});

test("one that its device has paused stands; with a listener on its channel it is not given up", async (t) => {
  const { fired } = await stage.nextFire(t);
  const domain = await stage.start(t, { name: "fired", action: "pause" });
  await fired;
  assert.deepEqual(await idsOf(t, "fired"), ["fired-and-paused", "pause-unanswered"]);
  const asked = { domain, name: "org.bernard.guest.0", flags: 0 };
  const { stream } = await stage.libvirt.stream("domainOpenChannel", asked);
  t.after(() => stream.destroy());
  assert.deepEqual(await idsOf(t, "fired"), ["fired-and-paused"]);
});

test("an i6300esb that fired while its guest lived on is dead until the guest is reset", async (t) => {
  const domain = await stage.start(t, { name: "dead", model: "i6300esb", action: "none" }, "paused");
  const { fired } = await stage.nextFire(t);
  assert.deepEqual(await idsOf(t, "dead"), ["weak-action"]);
  await stage.libvirt.call("domainResume", { domain });
  await fired;
  assert.deepEqual(await idsOf(t, "dead"), ["dead-device", "weak-action", "feeder-unknown"]);
});

test("silence on a channel that was just plugged in is no program's that hangs", async (t) => {
  await stage.start(t, { name: "plugged" });
  await runBernard(t, "unprotect", "plugged", "--connect", stage.uri);
  const { stdout } = await runBernard(t, "protect", "plugged", "--connect", stage.uri);
  assert.match(stdout, /^plugged: channel org\.bernard\.guest\.0: from now on/m);
  assert.deepEqual(await idsOf(t, "plugged"), ["feeder-unknown"]);
});

test("an emulator that answers nothing is told as such, and holds up no other", async (t) => {
  await stage.start(t, { name: "stuck" });
  await stage.start(t, { name: "busy" });
  const pid = await pidOf("stuck");
  process.kill(pid, "SIGSTOP");
  let stopped = true;
  t.after(() => stopped && process.kill(pid, "SIGCONT"));
  const { stdout } = await runBernard(t, "doctor", "--connect", stage.uri);
  assert.match(stdout, /^stuck: NOT WELL, running \(booted\)\n {2}problem {2}nobody can tell/m);
  assert.match(stdout, /^busy: NOT WELL, running .* feeder unknown$/m);
  process.kill(pid, "SIGCONT");
  stopped = false;
  assert.deepEqual(await idsOf(t, "stuck"), ["feeder-unknown"], "it has recovered");
});

async function pidOf(name: string): Promise<number> {
  for (const pid of await guestsOf(stage.daemon.dir)) {
    if ((await readFile(`/proc/${pid}/cmdline`, "utf8")).includes(`guest=${name},`)) return pid;
  }
  throw new Error(`no QEMU of ${name}`);
}

test("a guest's name never reaches the shell of whoever copies a cure", async (t) => {
  const name = "$(reboot) \u202e'x'";
  await stage.define(t, { name: name.replaceAll("'", "&apos;"), model: "none" });
  const { stdout } = await runBernard(t, "doctor", "--connect", stage.uri);
  assert.match(stdout, /^\$\(reboot\) \\u\{202e\}'x': NOT WELL/m);
  assert.match(stdout, /^ {11}cure: bernard protect [\da-f-]{36}$/m);
});

test("a connection that only reads says what it may not know", async (t) => {
  const daemon = await systemDaemon(t);
  const guest = `<domain type='test'><name>seen</name><memory>8192</memory><os><type>hvm</type></os><devices>
    <watchdog model='i6300esb' action='none'/>
    <channel type='pty'><target type='virtio' name='org.bernard.guest.0'/></channel></devices></domain>`;
  await writeFile(join(daemon.dir, "one.xml"), `<node>${guest}</node>`);
  const uri = `test://${daemon.dir}/one.xml?socket=${daemon.readOnlySocket}`;
  const { code, stdout, stderr } = await runBernard(t, "doctor", "seen", "--connect", uri);
  assert.deepEqual([code, stderr], [1, ""]);
  assert.match(stdout, /problem {2}its action is none/);
  assert.match(stdout, /warning {2}.* nobody tells whether it is fed\n {11}cure: .* as a user who may write/);
});

test("no such guest is a failure, nobody at the socket unreachable", async (t) => {
  const gone = await runBernard(t, "doctor", "nobody", "--connect", stage.uri);
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /^bernard: guest nobody: .*; .*\n$/);
  const nobody = await runBernard(t, "doctor", "--connect", "qemu:///session?socket=/nobody");
  assert.equal(nobody.code, 3);
});
