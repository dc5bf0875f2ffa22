/** Guests of a real libvirtd are protected and unprotected: what is written, what holds at once, and what is refused. */
import assert from "node:assert/strict";
import { mkdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { WATCHDOG_ACTIONS } from "@bernard/policy";
import { isFailure } from "../../src/errors.ts";
import { LibvirtHypervisor } from "../../src/libvirt/adapter.ts";
import { parseDomain } from "../../src/libvirt/domain-xml/parse.ts";
import { unprotectedXml } from "../../src/libvirt/domain-xml/update.ts";
import { isRefusal } from "../../src/libvirt/errors.ts";
import { Libvirt } from "../../src/libvirt/libvirt.ts";
import type { Domain } from "../../src/libvirt/procedures.ts";
import { type Change, Protector, type ProtectRequest } from "../../src/libvirt/protect.ts";
import { collector } from "./collector.ts";
import { guestsOf, sessionDaemon } from "./daemon.ts";
import { lastFirst } from "./last-first.ts";
import { virsh } from "./oracle.ts";

const WITHIN = { deadlineMs: 60_000 };

/** VIR_DOMAIN_START_PAUSED, VIR_DOMAIN_DEFINE_VALIDATE, VIR_DOMAIN_XML_SECURE | VIR_DOMAIN_XML_INACTIVE */
const PAUSED = 1;
const VALIDATE = 1;
const DEFINITION = 3;

/** A header and no entry: all that QEMU asks for. */
const table = Buffer.alloc(68);
table.write("WDAT");
table.writeUInt32LE(table.length, 4);

const right: ProtectRequest = { model: undefined, action: undefined, table };

const daemon = await sessionDaemon({ after });
process.env.XDG_DATA_HOME = daemon.dir;
const libvirt = await Libvirt.open(daemon.uri("qemu:///session"));
after(() => libvirt.close());

interface Parts {
  readonly name?: string;
  readonly machine?: string;
  readonly devices?: string;
  readonly metadata?: string;
  readonly kernel?: string;
  readonly features?: string;
  readonly os?: string;
  /** For QEMU. */
  readonly args?: readonly string[];
}

/** A bridge to PCI, and a port for one device more: libvirt adds what is missing, and it stays. */
const TO_PCI = ["pcie-root", "pcie-root-port", "pcie-to-pci-bridge", "pcie-root-port"]
  .map((model, index) => `<controller type='pci' index='${index}' model='${model}'/>`)
  .join("");

const SERIAL_BUS = "<controller type='virtio-serial' index='0'/>";

const xmlOf = ({
  name = "guest",
  machine = "pc",
  devices = "",
  metadata = "",
  kernel = daemon.kernel,
  features = "<acpi/>",
  os = "",
  args = [],
}: Parts) =>
  `<domain type='qemu'>
  <name>${name}</name>
  <metadata>${metadata}</metadata>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='${machine}'>hvm</type><kernel>${kernel}</kernel>${os}</os>
  <features>${features}</features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    ${devices}
    <serial type='pty'/>
    <memballoon model='none'/>
  </devices>
  <q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>
    ${args.map((value) => `<q:arg value='${value}'/>`).join("")}
  </q:commandline>
</domain>`;

/** A guest with a definition, gone with the test. */
async function defined(t: TestContext, parts: Parts): Promise<Domain> {
  const { domain } = await libvirt.call("domainDefineXmlFlags", { xml: xmlOf(parts), flags: VALIDATE }, WITHIN);
  lastFirst(t, async () => {
    await orGone(libvirt.call("domainDestroyFlags", { domain, flags: 0 }, WITHIN));
    await orGone(libvirt.call("domainUndefineFlags", { domain, flags: 0 }, WITHIN));
  });
  return domain;
}

/** One that stands still, so that its device does not fire. */
async function started(t: TestContext, parts: Parts): Promise<Domain> {
  const domain = await defined(t, parts);
  return (await libvirt.call("domainCreateWithFlags", { domain, flags: PAUSED }, WITHIN)).domain;
}

/** One without a definition. */
async function transient(t: TestContext, parts: Parts): Promise<Domain> {
  const { domain } = await libvirt.call("domainCreateXml", { xml: xmlOf(parts), flags: PAUSED }, WITHIN);
  lastFirst(t, () => orGone(libvirt.call("domainDestroyFlags", { domain, flags: 0 }, WITHIN)));
  return domain;
}

async function orGone(work: Promise<unknown>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isRefusal(error, "noDomain") && !isRefusal(error, "operationInvalid")) throw error;
  });
}

async function opened(t: TestContext, options?: { cib?: string; deadlineMs?: number }): Promise<Protector> {
  const protector = await Protector.open(daemon.uri("qemu:///session"), options);
  lastFirst(t, () => protector.close());
  return protector;
}

async function xml(domain: Domain, flags: number): Promise<string> {
  return (await libvirt.call("domainGetXmlDesc", { domain, flags })).xml;
}

const hardware = async (domain: Domain, flags: number) => {
  const { watchdogs, action, channels } = parseDomain(await xml(domain, flags)).hardware;
  return [...watchdogs.map(({ model }) => model), action, ...channels.map(({ name }) => name)].join(" ");
};

const told = (changes: readonly Change[]) =>
  changes.map(({ what, when, why }) => [what, when, ...(why === undefined ? [] : [why])].join(": "));

async function protect(t: TestContext, name: string, request: Partial<ProtectRequest> = {}): Promise<string[]> {
  const protector = await opened(t);
  return told(await protector.carryOut(await protector.planProtection(name, { ...right, ...request }), false));
}

async function unprotect(t: TestContext, name: string): Promise<string[]> {
  const protector = await opened(t);
  return told(await protector.carryOut(await protector.planRemoval(name), false));
}

const BOTH = "i6300esb reset org.bernard.guest.0";
const NO_BUS =
  "channel org.bernard.guest.0: next-start: the running guest has no virtio-serial controller, and libvirt plugs none in";

test("on i440fx all of it holds at once, and again at the next start; asked twice, it is there already", async (t) => {
  const domain = await started(t, { devices: SERIAL_BUS });
  const untouched = await xml(domain, DEFINITION);
  const both = (when: string) => [`watchdog i6300esb, action reset: ${when}`, `channel org.bernard.guest.0: ${when}`];
  assert.deepEqual(await protect(t, "guest"), both("now"));
  assert.equal(await hardware(domain, 0), BOTH);
  assert.equal(await hardware(domain, DEFINITION), BOTH);
  assert.equal(unprotectedXml(parseDomain(await xml(domain, DEFINITION))).xml, untouched);
  assert.deepEqual(await protect(t, "guest"), both("already"));
});

test("a q35 of this libvirt takes the device when it starts, and so it says", async (t) => {
  const domain = await started(t, { machine: "q35" });
  assert.deepEqual(await protect(t, domain.uuid), [
    "watchdog i6300esb, action reset: next-start: no bus of the running guest takes a PCI device; q35's own never does",
    NO_BUS,
  ]);
  assert.equal(await hardware(domain, 0), "");
  assert.equal(await hardware(domain, DEFINITION), BOTH);
  await libvirt.call("domainDestroyFlags", { domain, flags: 0 }, WITHIN);
  const again = await libvirt.call("domainCreateWithFlags", { domain, flags: PAUSED }, WITHIN);
  assert.equal(await hardware(again.domain, 0), BOTH);
});

test("a q35 with a bridge to PCI takes it as it runs", async (t) => {
  const domain = await started(t, { machine: "q35", devices: TO_PCI });
  assert.equal((await protect(t, "guest"))[0], "watchdog i6300esb, action reset: now");
  assert.equal(await hardware(domain, 0), "i6300esb reset");
});

test("a QEMU that does not answer fails no definition, and is told of", async (t) => {
  const domain = await started(t, { devices: SERIAL_BUS });
  const [pid] = await guestsOf(daemon.dir);
  const protector = await opened(t, { deadlineMs: 1000 });
  const plan = await protector.planProtection("guest", right);
  process.kill(pid!, "SIGSTOP");
  try {
    const changes = await protector.carryOut(plan, false);
    assert.deepEqual(
      changes.map(({ what, when }) => `${what}: ${when}`),
      ["watchdog i6300esb, action reset: unknown", "channel org.bernard.guest.0: unknown"],
    );
    assert.match(changes[0]!.why!, /^domainAttachDeviceFlags: no reply to .* within 1 s/);
    assert.equal(await hardware(domain, DEFINITION), BOTH);
  } finally {
    process.kill(pid!, "SIGCONT");
  }
});

test("an i440fx without ACPI takes the device when it starts", async (t) => {
  await started(t, { features: "", devices: SERIAL_BUS });
  assert.deepEqual(await protect(t, "guest"), [
    "watchdog i6300esb, action reset: next-start: the running guest has no ACPI, without which its bus takes nothing",
    "channel org.bernard.guest.0: now",
  ]);
});

test("a guest that is off has it when it starts, as libvirt's own validation takes it", async (t) => {
  for (const machine of ["pc", "q35"]) {
    const domain = await defined(t, { name: machine, machine });
    const plan = await (await opened(t)).planProtection(machine, right);
    const { before, after } = plan.definition!;
    assert.equal(before, await xml(domain, DEFINITION), "a plan changes nothing");
    await libvirt.call("domainDefineXmlFlags", { xml: after, flags: VALIDATE }, WITHIN);
    await libvirt.call("domainDefineXmlFlags", { xml: before, flags: VALIDATE }, WITHIN);
    assert.deepEqual(await protect(t, machine), [
      "watchdog i6300esb, action reset: next-start",
      "channel org.bernard.guest.0: next-start",
    ]);
    assert.equal(await hardware(domain, DEFINITION), BOTH);
    assert.deepEqual(await unprotect(t, machine), [
      "no watchdog i6300esb: next-start",
      "no channel org.bernard.guest.0: next-start",
    ]);
    assert.equal(await hardware(domain, DEFINITION), "");
  }
});

test("a guest that was saved with its memory goes on as it was, and so it says", async (t) => {
  const domain = await started(t, { devices: SERIAL_BUS });
  const uri = daemon.clientUri("qemu:///session");
  await virsh(uri, "managedsave", domain.uuid);
  const protector = await opened(t);
  const saved = /goes on from there as it was/;
  assert.match((await protector.planRemoval("guest")).notes.join(), saved);
  const plan = await protector.planProtection("guest", right);
  assert.match(plan.notes.join(), saved);
  await protector.carryOut(plan, false);
  await libvirt.call("domainCreateWithFlags", { domain, flags: PAUSED }, WITHIN);
  assert.equal(await hardware(domain, 0), "", "it goes on without");
  assert.doesNotMatch((await protector.planProtection("guest", right)).notes.join(), saved);
});

test("a guest that was protected while it was off is reset by its device", async (t) => {
  const domain = await defined(t, {});
  await protect(t, "guest");
  const { listener, next } = collector();
  const watch = await libvirt.watch(listener);
  lastFirst(t, () => watch.close());
  await libvirt.call("domainCreateWithFlags", { domain, flags: 0 }, WITHIN);
  assert.equal((await next("watchdog")).action, "reset");
});

test("every action can be written, and ib700 where it is asked for", async (t) => {
  const domain = await defined(t, {});
  for (const model of ["i6300esb", "ib700"] as const) {
    for (const action of WATCHDOG_ACTIONS) {
      await protect(t, "guest", { model, action });
      assert.equal(await hardware(domain, DEFINITION), `${model} ${action} org.bernard.guest.0`);
    }
  }
});

test("a transient guest is changed as it runs, or not at all", async (t) => {
  const domain = await transient(t, { devices: SERIAL_BUS });
  assert.deepEqual(await protect(t, "guest", { model: "ib700" }), [
    "watchdog ib700, action reset: never: libvirt plugs no ib700 into a running guest",
    "channel org.bernard.guest.0: now",
  ]);
  assert.deepEqual(await protect(t, "guest"), [
    "watchdog i6300esb, action reset: now",
    "channel org.bernard.guest.0: already",
  ]);
  assert.equal(await hardware(domain, 0), BOTH);
});

test("another action holds in the running guest at once: it resets where it would have paused", async (t) => {
  const domain = await started(t, { devices: "<watchdog model='ib700' action='pause'/>" });
  assert.deepEqual(await protect(t, "guest"), ["watchdog ib700: already", "action reset: now", NO_BUS]);
  assert.equal(await hardware(domain, DEFINITION), "ib700 reset org.bernard.guest.0");
  const { listener, next } = collector();
  const watch = await libvirt.watch(listener);
  lastFirst(t, () => watch.close());
  await libvirt.call("domainResume", { domain });
  assert.equal((await next("watchdog")).action, "reset");
});

test("a dump is libvirt's own, by the XML that the guest was started with", async (t) => {
  await started(t, { devices: "<watchdog model='ib700' action='reset'/>" });
  assert.deepEqual(await protect(t, "guest", { action: "dump" }), [
    "watchdog ib700: already",
    "action dump: next-start: libvirt dumps a guest by the XML that it was started with",
    NO_BUS,
  ]);
});

test("a device that is not the one asked for goes at the next start", async (t) => {
  const domain = await started(t, { devices: `${SERIAL_BUS}<watchdog model='ib700' action='pause'/>` });
  assert.deepEqual(await protect(t, "guest", { model: "i6300esb" }), [
    "no watchdog ib700: next-start: a device is replaced while the guest is off",
    "watchdog i6300esb, action reset: next-start: this libvirt takes one watchdog device a guest",
    "channel org.bernard.guest.0: now",
  ]);
  assert.equal(await hardware(domain, DEFINITION), BOTH);
});

test("unprotected, a running guest is asked for its device; one that holds on to it keeps it until its next start", async (t) => {
  const domain = await started(t, { devices: SERIAL_BUS });
  await protect(t, "guest");
  assert.deepEqual(await unprotect(t, "guest"), [
    "no watchdog i6300esb: next-start: the running guest has not let go of it",
    "no channel org.bernard.guest.0: now",
  ]);
  assert.equal(await hardware(domain, DEFINITION), "");
});

test("unprotected, a running guest that lets go of its device has none", async (t) => {
  const domain = await started(t, { devices: SERIAL_BUS });
  await protect(t, "guest");
  let done = false;
  const unprotecting = unprotect(t, "guest").finally(() => {
    done = true;
  });
  // A reset ends what the guest was asked for; nothing tells when it was.
  while (!done) {
    await libvirt.call("domainReset", { domain, flags: 0 });
    await Promise.race([unprotecting, new Promise((resolve) => setTimeout(resolve, 200))]);
  }
  assert.deepEqual(await unprotecting, ["no watchdog i6300esb: now", "no channel org.bernard.guest.0: now"]);
  assert.equal(await hardware(domain, 0), "");
});

test("an ib700 stays until the next start, and without anything to remove nothing is done", async (t) => {
  const domain = await started(t, { devices: "<watchdog model='ib700' action='reset'/>" });
  assert.deepEqual(await unprotect(t, "guest"), [
    "no watchdog ib700: next-start: libvirt takes no ib700 out of a running guest",
    "no channel org.bernard.guest.0: already",
  ]);
  await libvirt.call("domainDestroyFlags", { domain, flags: 0 }, WITHIN);
  assert.deepEqual(await unprotect(t, "guest"), ["no channel org.bernard.guest.0: already"]);
});

const Q35: Parts = { machine: "q35", devices: `${TO_PCI}${SERIAL_BUS}` };
const NEXT_START = [
  "watchdog wdat, action reset: next-start",
  "watchdog i6300esb beside it: next-start",
  "channel org.bernard.guest.0: next-start",
];

test("a q35 gets the ACPI table, its timer's strap off, and a device that this libvirt knows; and loses each of them", async (t) => {
  const domain = await defined(t, Q35);
  const untouched = await xml(domain, DEFINITION);
  const umask = process.umask(0o077); // of an operator who shares nothing
  lastFirst(t, () => process.umask(umask));
  assert.deepEqual(await protect(t, "guest", { model: "wdat" }), NEXT_START);
  const file = join(daemon.dir, "bernard/q35.wdat");
  assert.deepEqual(await readFile(file), table);
  const modes = await Promise.all([file, dirname(file)].map(async (path) => (await stat(path)).mode & 0o777));
  assert.deepEqual(modes, [0o644, 0o755], "QEMU can read it");
  const now = await xml(domain, DEFINITION);
  assert.deepEqual(argsIn(now), ["-acpitable", `file=${file}`, "-global", "ICH9-LPC.noreboot=off"]);
  assert.equal(await hardware(domain, DEFINITION), "i6300esb wdat reset org.bernard.guest.0");
  // What is asked again, by name or not, is so already; another action is its bearer's.
  for (const model of ["wdat", undefined] as const) {
    assert.ok((await protect(t, "guest", { model })).every((each) => each.endsWith(": already")));
    assert.equal(await xml(domain, DEFINITION), now);
  }
  await protect(t, "guest", { action: "pause" });
  assert.equal(await hardware(domain, DEFINITION), "i6300esb wdat pause org.bernard.guest.0");
  const { domain: running } = await libvirt.call("domainCreateWithFlags", { domain, flags: PAUSED }, WITHIN);
  assert.equal(await hardware(running, 0), "i6300esb wdat pause org.bernard.guest.0");
  await libvirt.call("domainDestroyFlags", { domain, flags: 0 }, WITHIN);
  assert.deepEqual(await unprotect(t, "guest"), [
    "no watchdog i6300esb: next-start",
    "no watchdog wdat: next-start",
    "no channel org.bernard.guest.0: next-start",
  ]);
  assert.equal(await xml(domain, DEFINITION), untouched);
  assert.deepEqual(await readFile(file), table, "it is other guests' too");
});

test("what is in its qemu:commandline stays, and a strap that is off already is not set again", async (t) => {
  const strap = ["-global", "ICH9-LPC.noreboot=off"];
  const own = ["-name", "guest,debug-threads=on", ...strap];
  const domain = await defined(t, { ...Q35, args: own });
  const untouched = await xml(domain, DEFINITION);
  await protect(t, "guest", { model: "wdat" });
  assert.deepEqual(argsIn(await xml(domain, DEFINITION)), [
    ...own,
    "-acpitable",
    `file=${join(daemon.dir, "bernard/q35.wdat")}`,
  ]);
  await unprotect(t, "guest");
  assert.equal(await xml(domain, DEFINITION), untouched);
});

test("asked for i6300esb, a guest loses the table and keeps its device", async (t) => {
  const domain = await defined(t, Q35);
  await protect(t, "guest", { model: "wdat" });
  const { notes } = await (await opened(t)).planProtection("guest", { ...right, model: "i6300esb" });
  assert.deepEqual(notes, ["the guest needs the driver i6300esb, and bernard-guest to feed the device"]);
  assert.deepEqual(await protect(t, "guest", { model: "i6300esb" }), [
    "no watchdog wdat: next-start",
    "watchdog i6300esb, action reset: already",
    "channel org.bernard.guest.0: already",
  ]);
  assert.equal(await hardware(domain, DEFINITION), BOTH);
  assert.deepEqual(argsIn(await xml(domain, DEFINITION)), []);
});

test("a table comes at the next start, to a guest without a definition never", async (t) => {
  await started(t, Q35);
  const later = ["QEMU takes an ACPI table when it starts", "it comes with the table"];
  assert.deepEqual(await protect(t, "guest", { model: "wdat" }), [
    `watchdog wdat, action reset: next-start: ${later[0]}`,
    `watchdog i6300esb beside it: next-start: ${later[1]}`,
    "channel org.bernard.guest.0: now",
  ]);
  await transient(t, { ...Q35, name: "transient" });
  assert.deepEqual((await protect(t, "transient", { model: "wdat" })).slice(0, 2), [
    `watchdog wdat, action reset: never: ${later[0]}`,
    `watchdog i6300esb beside it: never: ${later[1]}`,
  ]);
});

const TABLE_REFUSALS: readonly (readonly [Parts, RegExp])[] = [
  [{}, /wdat is a table for q35's own timer, and this guest is pc-i440fx-/],
  [
    { ...Q35, args: ["-acpitable", "file=/x/own.aml"] },
    /it has an ACPI table already, \/x\/own\.aml, and of two WDATs/,
  ],
  [{ ...Q35, args: ["-global", "ICH9-LPC.noreboot=on"] }, /sets noreboot on, with which q35's timer does nothing/],
  [{ ...Q35, features: "" }, /its <features> have no <acpi\/>, so no table reaches it/],
  [{ ...Q35, args: ["-bios", "/x/coreboot.rom"] }, /its firmware \/x\/coreboot\.rom is not known to leave the timer/],
];

for (const [parts, reason] of TABLE_REFUSALS) {
  test(`a table is refused: ${reason.source}`, async (t) => {
    const domain = await defined(t, parts);
    const untouched = await xml(domain, DEFINITION);
    await assert.rejects(
      protect(t, "guest", { model: "wdat" }),
      (error) => isFailure(error, "unsupported") && reason.test(error.message) && error.hint !== undefined,
    );
    assert.equal(await xml(domain, DEFINITION), untouched);
  });
}

test("a file with another table is not written over, and nothing is defined", async (t) => {
  const domain = await defined(t, Q35);
  const untouched = await xml(domain, DEFINITION);
  const other = { model: "wdat", table: Buffer.from("WDAT of another version") } as const;
  await protect(t, "guest", { model: "wdat" });
  await unprotect(t, "guest");
  await assert.rejects(
    protect(t, "guest", other),
    (error) => isFailure(error, "failed") && /^another table is in .*\/bernard\/q35\.wdat/.test(error.message),
  );
  assert.equal(await xml(domain, DEFINITION), untouched);
  process.env.XDG_DATA_HOME = join(daemon.dir, "kernel"); // no folder
  try {
    await assert.rejects(protect(t, "guest", other), (error) => isFailure(error, "failed"));
  } finally {
    process.env.XDG_DATA_HOME = daemon.dir;
  }
});

test("a table is a file of the guest's own host: over ssh it is refused, and one that is there is kept", async (t) => {
  const domain = await defined(t, Q35);
  const untouched = await xml(domain, DEFINITION);
  const bin = join(daemon.dir, "bin");
  await mkdir(bin);
  await writeFile(join(bin, "ssh"), '#!/bin/sh\nfor last; do :; done\nexec sh -c "$last"\n', { mode: 0o755 });
  const { PATH } = process.env;
  lastFirst(t, () => {
    process.env.PATH = PATH;
  });
  process.env.PATH = `${bin}:${PATH}`;
  const remote = await Protector.open(`qemu+ssh://localhost/session?socket=${daemon.socket}`);
  lastFirst(t, () => remote.close());
  const asked = { ...right, model: "wdat" } as const;
  await assert.rejects(
    remote.planProtection("guest", asked),
    (error) =>
      isFailure(error, "unsupported") && /a file, and its host is another machine; run bernard/.test(error.message),
  );
  assert.equal(await xml(domain, DEFINITION), untouched);
  await protect(t, "guest", { model: "wdat" });
  const plan = await remote.planProtection("guest", asked);
  assert.deepEqual([plan.lines, plan.file], [[], undefined]);
});

const argsIn = (text: string) => parseDomain(text).commandLine.args.map(({ value }) => value);

test("an owned guest is left alone, unless its operator insists", async (t) => {
  const nova = "<nova:instance xmlns:nova='http://openstack.org/xmlns/libvirt/nova/1.1'/>";
  const domain = await defined(t, { metadata: nova });
  const untouched = await xml(domain, DEFINITION);
  const protector = await opened(t);
  const plan = await protector.planProtection("guest", right);
  await assert.rejects(
    protector.carryOut(plan, false),
    (error) =>
      isFailure(error, "denied") && error.exitCode === 3 && /owned by nova .*hw:watchdog_action/.test(error.message),
  );
  assert.equal(await xml(domain, DEFINITION), untouched);
  assert.equal((await protector.carryOut(plan, true))[0]!.when, "next-start");
  assert.equal(await hardware(domain, DEFINITION), BOTH);
  assert.equal((await protector.carryOut(await protector.planProtection("guest", right), false))[0]!.when, "already");
});

test("a guest of Pacemaker's is known by the file that its resource names", async (t) => {
  await defined(t, {});
  const dir = join(daemon.dir, "cluster");
  await mkdir(dir, { recursive: true });
  const cib = join(dir, "cib.xml");
  const resource = (file: string) => `<cib><configuration><resources><group id="g">
    <primitive id="other" class="ocf" provider="heartbeat" type="Dummy"><instance_attributes id="i">
      <nvpair id="a" name="config" value="guest.xml"/></instance_attributes></primitive>
    <primitive id="vm" class="ocf" provider="heartbeat" type="VirtualDomain"><instance_attributes id="j">
      <nvpair id="b" name="hypervisor" value="qemu:///system"/><nvpair id="c" name="config" value="${file}"/>
    </instance_attributes></primitive></group></resources></configuration></cib>`;
  await writeFile(join(dir, "other.xml"), xmlOf({ name: "guest" }));
  await writeFile(join(dir, "guest.xml"), xmlOf({ name: "somebody else" }));
  const ownerBy = async (text: string) => {
    await writeFile(cib, text);
    return (await (await opened(t, { cib })).planProtection("guest", right)).owner?.name;
  };
  assert.equal(await ownerBy(resource(join(dir, "other.xml"))), "pacemaker");
  assert.equal(await ownerBy(resource(join(dir, "guest.xml"))), undefined);
  assert.equal(await ownerBy(resource("/nowhere/guest.xml")), "pacemaker");
  assert.equal(await ownerBy("<cib>"), undefined);
});

test("passwords, entities, CDATA, foreign namespaces and long names come through", async (t) => {
  const names = ["a&amp;b &lt;c&gt; &quot;d&quot;", "größer-🙂", "x".repeat(220)];
  for (const name of names) {
    const domain = await defined(t, {
      name,
      devices: "<graphics type='vnc' port='-1' passwd='s3cret &amp;'/><!-- <watchdog model='none'/> -->",
      metadata: "<m:m xmlns:m='urn:m'><devices><watchdog model='ib700'/></devices><![CDATA[</devices>&]]></m:m>",
    });
    const untouched = await xml(domain, DEFINITION);
    await protect(t, domain.uuid);
    const now = await xml(domain, DEFINITION);
    assert.equal(unprotectedXml(parseDomain(now)).xml, withController(untouched, now), name);
    assert.ok(now.includes("passwd='s3cret &amp;'"));
    assert.ok(now.includes('<watchdog model="ib700"/>') || now.includes("<watchdog model='ib700'/>"));
  }
});

/** What libvirt adds by itself where the first channel comes: it stays when the channel goes. */
function withController(before: string, after: string): string {
  const [controller] = /\n *<controller type='virtio-serial'[\s\S]*?<\/controller>/.exec(after)!;
  const place = after.indexOf(controller);
  return before.slice(0, place) + controller + before.slice(place);
}

test("a guest that is gone, or changed by somebody else, between the look and the edit is not touched", async (t) => {
  const domain = await defined(t, {});
  const protector = await opened(t);
  const plan = await protector.planProtection("guest", right);
  const changed = (await xml(domain, DEFINITION)).replace("<name>", "<title>theirs</title><name>");
  const theirs = await libvirt.call("domainDefineXmlFlags", { xml: changed, flags: 0 }, WITHIN);
  await assert.rejects(protector.carryOut(plan, false), (error) => isFailure(error, "busy"));
  const xmlThen = await xml(theirs.domain, DEFINITION);
  assert.ok(xmlThen.includes("theirs") && !xmlThen.includes("<watchdog"));
  await libvirt.call("domainUndefineFlags", { domain, flags: 0 });
  await assert.rejects(protector.carryOut(plan, false), (error) => isFailure(error, "gone"));
  await assert.rejects(protector.planProtection("guest", right), (error) => isFailure(error, "gone"));
});

test("what cannot be is refused, and nothing is written", async (t) => {
  const windows =
    "<l:libosinfo xmlns:l='http://libosinfo.org/xmlns/libvirt/domain/1.0'><l:os id='http://microsoft.com/win/11'/></l:libosinfo>";
  const domain = await defined(t, { metadata: windows });
  const protector = await opened(t);
  await assert.rejects(
    protector.planProtection("guest", right),
    (error) =>
      isFailure(error, "unsupported") &&
      error.message.startsWith("guest guest cannot be protected: Windows has no driver"),
  );
  assert.equal(await hardware(domain, DEFINITION), "");
});

test("a power cycle makes it hold; a guest that cannot shut down, or does not obey, stays as it is", async (t) => {
  const hypervisor = await LibvirtHypervisor.open(daemon.uri("qemu:///session"));
  lastFirst(t, () => hypervisor.close());
  const domain = await started(t, { machine: "q35", kernel: daemon.obedientKernel });
  await protect(t, "guest");
  const guest = await hypervisor.guest("guest");
  const protector = await opened(t);
  await assert.rejects(protector.powerCycle(guest), (error) => isFailure(error, "wrong-state"));
  const console = await hypervisor.console(guest);
  await hypervisor.act(guest, "resume");
  let heard = "";
  for await (const chunk of console) {
    heard += chunk;
    if (heard.includes("up")) break;
  }
  await protector.powerCycle(guest);
  assert.notEqual((await hypervisor.guest("guest")).run, guest.run);
  assert.equal(await hardware(domain, 0), BOTH);

  const deaf = await started(t, { name: "deaf" }); // its kernel has halted
  await libvirt.call("domainResume", { domain: deaf });
  const before = await hypervisor.guest("deaf");
  await assert.rejects(protector.powerCycle(before, 100), (error) => isFailure(error, "no-answer"));
  assert.equal((await hypervisor.guest("deaf")).run, before.run);
});
