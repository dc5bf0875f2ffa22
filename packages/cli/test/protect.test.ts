/** `bernard protect` and `unprotect` on a real libvirtd: what they say, what they change, and what they refuse. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { root } from "@bernard/tools";
import { runBernard } from "./run-bernard.ts";
import { startStage } from "./stage.ts";

const stage = await startStage();
const WITHIN = { deadlineMs: 60_000 };

/** VIR_DOMAIN_START_PAUSED, VIR_DOMAIN_XML_INACTIVE */
const PAUSED = 1;
const INACTIVE = 2;

/** A guest with a definition and without a watchdog device; gone with the test. */
async function naked(
  t: TestContext,
  name: string,
  { metadata = "", devices = "", machine = "pc", kernel = stage.daemon.kernel, running = false } = {},
) {
  const { libvirt } = stage;
  const xml = stage
    .xml({ name, model: "none" })
    .replace(/<channel.*\/channel>/, devices)
    .replace(/machine='[^']*'/, `machine='${machine}'`)
    .replace(stage.daemon.kernel, kernel)
    .replace("<devices>", "<features><acpi/></features><devices>") // a bus of a PC's takes nothing without
    .replace("<memory", `<metadata>${metadata}</metadata><memory`);
  const { domain } = await libvirt.call("domainDefineXmlFlags", { xml, flags: 0 }, WITHIN);
  t.after(() => libvirt.call("domainUndefineFlags", { domain, flags: 0 }, WITHIN));
  if (running) {
    const started = await libvirt.call("domainCreateWithFlags", { domain, flags: PAUSED }, WITHIN);
    t.after(() => libvirt.call("domainDestroyFlags", { domain: started.domain, flags: 0 }, WITHIN));
  }
  return domain;
}

/** Where a session's guests have their ACPI table. */
function useTablesIn(t: TestContext, dir: string): void {
  const { XDG_DATA_HOME } = process.env;
  process.env.XDG_DATA_HOME = dir;
  t.after(() => {
    if (XDG_DATA_HOME === undefined) delete process.env.XDG_DATA_HOME;
    else process.env.XDG_DATA_HOME = XDG_DATA_HOME;
  });
}

async function watchdogs(domain: Awaited<ReturnType<typeof naked>>): Promise<string[]> {
  const { xml } = await stage.libvirt.call("domainGetXmlDesc", { domain, flags: INACTIVE });
  return xml.match(/<watchdog[^>]*>/g) ?? [];
}

test("a guest that is off: shown first, then done, then there already, then taken away", async (t) => {
  const domain = await naked(t, "off");
  const run = (...args: string[]) => runBernard(t, ...args, "off", "--connect", stage.uri);
  const shown = await run("protect", "--dry-run");
  assert.deepEqual(shown, {
    code: 0,
    stdout: `+ <watchdog model='i6300esb' action='reset'/>
+ <channel type='unix'>
+   <target type='virtio' name='org.bernard.guest.0'/>
+ </channel>
`,
    stderr: "",
  });
  assert.deepEqual(await watchdogs(domain), []);
  const done = await run("protect");
  assert.deepEqual(done, {
    code: 0,
    stdout: `off: watchdog i6300esb, action reset: at its next start
off: channel org.bernard.guest.0: at its next start
off: the guest needs the driver i6300esb, and bernard-guest to feed the device
`,
    stderr: "",
  });
  assert.deepEqual(await watchdogs(domain), ["<watchdog model='i6300esb' action='reset'>"]);
  assert.match((await run("protect")).stdout, /^off: watchdog i6300esb, action reset: is so already\n/);
  assert.equal((await run("protect", "--dry-run")).stdout, "off: nothing would change\n");
  const other = await run("protect", "--action", "pause", "--json");
  const { uuid, ...told } = JSON.parse(other.stdout);
  assert.equal(uuid, domain.uuid);
  assert.deepEqual(told, {
    guest: "off",
    owner: null,
    xml: ["- <watchdog model='i6300esb' action='reset'>", "+ <watchdog model='i6300esb' action='pause'>"],
    changes: [
      { what: "watchdog i6300esb, action pause", when: "next-start", why: null },
      { what: "channel org.bernard.guest.0", when: "already", why: null },
    ],
    restart: null,
    notes: [
      "the guest needs the driver i6300esb, and bernard-guest to feed the device",
      "paused by its watchdog, it stays so until somebody on the host resets it",
    ],
  });
  const gone = await run("unprotect");
  assert.equal(
    gone.stdout,
    "off: no watchdog i6300esb: at its next start\noff: no channel org.bernard.guest.0: at its next start\n",
  );
  assert.deepEqual(await watchdogs(domain), []);
});

test("a guest that runs: what holds at once, what waits, and why", async (t) => {
  await naked(t, "runs", { running: true });
  const { code, stdout } = await runBernard(t, "protect", "runs", "--connect", stage.uri);
  assert.equal(
    stdout,
    `runs: watchdog i6300esb, action reset: from now on
runs: channel org.bernard.guest.0: at its next start (a reboot inside it is not enough): the running guest has no virtio-serial controller, and libvirt plugs none in
runs: the guest needs the driver i6300esb, and bernard-guest to feed the device
`,
  );
  assert.equal(code, 0);
});

test("a running guest's power is asked for first", async (t) => {
  const domain = await naked(t, "power", { running: true });
  const args = ["protect", "power", "--model", "ib700", "--restart", "--connect", stage.uri];
  const nobody = await runBernard(t, ...args);
  assert.deepEqual(nobody, {
    code: 2,
    stdout: "",
    stderr: "bernard: --restart asks before it shuts a guest down, and nobody is there; add --yes\n",
  });
  assert.deepEqual(await watchdogs(domain), [], "nothing is changed before the answer is sure");
  // Debian's script gives it a terminal.
  const line = [join(root, "bernard"), ...args].map((arg) => `'${arg}'`).join(" ");
  for (const input of ["n\n", "\u0004"]) {
    const asked = spawnSync("script", ["-qec", line, "/dev/null"], { input, encoding: "utf8", timeout: 30_000 });
    assert.match(asked.stdout, /shut power down now and start it\? \[y\/N\] /);
    assert.equal(asked.status, 0);
  }
  assert.deepEqual(await watchdogs(domain), ["<watchdog model='ib700' action='reset'/>"]);
  const { state } = await stage.libvirt.call("domainGetState", { domain, flags: 0 });
  assert.equal(state, 3, "it stands as it stood");
  const cannot = await runBernard(t, ...args, "--yes");
  assert.equal(cannot.code, 4);
  assert.match(cannot.stderr, /^bernard: shutdown of power: .*domain is not running[^\n]*\n$/);
});

test("a guest that obeys is shut down and started, and runs with its device", async (t) => {
  const { libvirt, daemon, uri } = stage;
  const domain = await naked(t, "obedient", { kernel: daemon.obedientKernel, running: true });
  const { stream } = await libvirt.stream("domainOpenConsole", { domain, device: undefined, flags: 0 });
  await libvirt.call("domainResume", { domain });
  let heard = "";
  for await (const chunk of stream) {
    heard += chunk;
    if (heard.includes("up")) break;
  }
  const end = await runBernard(t, "protect", "obedient", "--model=ib700", "--restart", "--yes", "--connect", uri);
  assert.deepEqual([end.code, end.stderr], [0, ""]);
  assert.match(end.stdout, /\nobedient: shut down and started\n$/);
  const { xml } = await libvirt.call("domainGetXmlDesc", { domain, flags: 0 });
  assert.match(xml, /<watchdog model='ib700' action='reset'>/);
});

test("what cannot be in a guest without a definition is a failure, and half of it is told as such", async (t) => {
  const args = ["--model", "ib700", "--connect", stage.uri];
  await stage.start(t, { name: "channel", model: "none" }, "paused");
  const failed = await runBernard(t, "protect", "channel", ...args);
  assert.equal(failed.code, 1);
  assert.match(failed.stdout, /^channel: watchdog ib700, action reset: cannot be: libvirt plugs no ib700 into/);
  await stage.start(t, { name: "half", model: "ib700", action: "pause" }, "paused");
  const half = await runBernard(t, "unprotect", "half", "--connect", stage.uri);
  assert.equal(half.code, 4);
  assert.match(
    half.stdout,
    /\nhalf: no channel org\.bernard\.guest\.0: from now on; nothing keeps it for its next start\n$/,
  );
});

test("an owned guest is refused, and changed by force", async (t) => {
  const domain = await naked(t, "owned", { metadata: "<k:kubevirt xmlns:k='http://kubevirt.io'/>" });
  const run = (...args: string[]) => runBernard(t, "protect", "owned", ...args, "--connect", stage.uri);
  const refused = await run();
  assert.equal(refused.code, 3);
  assert.match(refused.stderr, /^bernard: guest owned is owned by kubevirt .*--force\n$/);
  assert.deepEqual(await watchdogs(domain), []);
  const forced = await run("--force");
  assert.equal(forced.code, 0);
  assert.match(forced.stdout, /^owned: owned by kubevirt: its XML has metadata of http:\/\/kubevirt\.io\n/);
  assert.equal((await watchdogs(domain)).length, 1);
});

test("the page's examples print what it shows", async (t) => {
  const { dir } = stage.daemon;
  useTablesIn(t, dir); // a session's, where the page has the system's
  const page = (await readFile(join(root, "docs/host/protect.md"), "utf8")).replaceAll("/usr/share/qemu", dir);
  const examples = [...page.matchAll(/```console\n([\s\S]*?)```/g)].map(([, example]) => example).join("");
  await naked(t, "web", { devices: "<controller type='virtio-serial'/>", running: true });
  await naked(t, "db", { machine: "q35", running: true });
  await naked(t, "cloud", { machine: "q35" });
  const steps = examples.split(/^\$ bernard /m).slice(1);
  assert.equal(steps.length, 6);
  for (const step of steps) {
    const [command, ...printed] = step.split("\n");
    const end = await runBernard(t, ...command!.split(" "), "--connect", stage.uri);
    assert.deepEqual(end, { code: 0, stdout: printed.join("\n"), stderr: "" }, command);
  }
});

const REFUSALS: readonly (readonly [string, readonly string[], number, RegExp])[] = [
  ["a guest that is not there", ["protect", "nobody"], 1, /^bernard: guest nobody: Domain not found/],
  ["no guest", ["protect"], 2, /^bernard: missing required argument 'guest'/],
  ["a model that is none", ["protect", "off", "--model", "softdog"], 2, /^bernard: option '--model <model>'/],
  ["an action that is none", ["protect", "off", "--action", "debug"], 2, /^bernard: option '--action <action>'/],
  [
    "a QEMU without libvirt",
    ["unprotect", "off", "--connect", "qmp:///run/qmp"],
    2,
    /^bernard: a QEMU without libvirt/,
  ],
  ["a URI that is none", ["unprotect", "off", "--connect", "::"], 2, /no URI of libvirt's/],
  [
    "nobody behind the socket",
    ["protect", "off", "--connect", "qemu:///system?socket=/nowhere"],
    3,
    /^bernard: .*\/nowhere/,
  ],
];

for (const [what, args, code, message] of REFUSALS) {
  test(`refused in a line: ${what}`, async (t) => {
    const connect = args.includes("--connect") ? [] : ["--connect", stage.uri];
    const end = await runBernard(t, ...args, ...connect);
    assert.equal(end.code, code, end.stderr);
    assert.match(end.stderr, message);
    assert.match(end.stderr, /^[^\n]+\n$/);
    assert.equal(end.stdout, "");
  });
}

test("a table is shown first, told with its file and its road, and written once", async (t) => {
  const domain = await naked(t, "table", { machine: "q35" });
  const args = ["protect", "table", "--model", "wdat", "--connect", stage.uri];
  const dir = join(stage.daemon.dir, "tables");
  const file = join(dir, "bernard/q35.wdat");
  useTablesIn(t, dir);
  const shown = await runBernard(t, ...args, "--dry-run");
  assert.equal(
    shown.stdout,
    `+ <watchdog model='i6300esb' action='reset'/>
+ <channel type='unix'>
+   <target type='virtio' name='org.bernard.guest.0'/>
+ </channel>
+ <qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
+   <qemu:arg value='-acpitable'/>
+   <qemu:arg value='file=${file}'/>
+   <qemu:arg value='-global'/>
+   <qemu:arg value='ICH9-LPC.noreboot=off'/>
+ </qemu:commandline>
`,
  );
  await assert.rejects(readFile(file), "a look writes no file");
  const { stdout } = await runBernard(t, ...args, "--json");
  assert.deepEqual(JSON.parse(stdout).notes, [
    "the guest needs the driver wdat_wdt, and bernard-guest to feed the device",
    `its ACPI table is ${file}, by qemu:commandline`,
    "its i6300esb carries the action: this libvirt knows no itco",
  ]);
  const checked = await runBernard(t, "acpi-table", "--check", file);
  assert.match(checked.stdout, /a WDAT of \d+ entries/);
  const gone = await runBernard(t, "unprotect", "table", "--connect", stage.uri);
  assert.match(gone.stdout, /\ntable: .*\/bernard\/q35\.wdat stays, for other guests\n/);
  assert.deepEqual(await watchdogs(domain), []);
});

test("a pair that cannot be is refused with its reason", async (t) => {
  await naked(t, "pair");
  const end = await runBernard(t, "protect", "pair", "--model", "diag288", "--connect", stage.uri);
  assert.equal(end.code, 1);
  assert.match(end.stderr, /^bernard: guest pair cannot be protected: diag288 is a device of s390x, .*--model\n$/);
});
