/** What the adapter makes of what libvirt says; what every adapter promises is in ../contract. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { UserError } from "@bernard/tools";
import { type FailureKind, HypervisorError, isFailure } from "../../src/errors.ts";
import { countersOf } from "../../src/libvirt/adapter-counters.ts";
import { hypervisorError } from "../../src/libvirt/adapter-errors.ts";
import { EventTranslator } from "../../src/libvirt/adapter-events.ts";
import {
  LibvirtClosedError,
  LibvirtConnectError,
  LibvirtDeadlineError,
  LibvirtProtocolError,
  LibvirtRefusedError,
  LibvirtStreamLimitError,
  type RefusalName,
  refusalCode,
} from "../../src/libvirt/errors.ts";
import { Libvirt } from "../../src/libvirt/libvirt.ts";
import { type Domain, procedures } from "../../src/libvirt/procedures.ts";
import type { WatchMessage } from "../../src/libvirt/watch.ts";
import { encode } from "../../src/libvirt/xdr.ts";
import { openHypervisor } from "../../src/open-hypervisor.ts";
import { guestXml, sessionDaemon } from "./daemon.ts";
import { type Answer, fakeDaemon, greeting, isCall, reply } from "./fake-daemon.ts";
import { lastFirst } from "./last-first.ts";
import { virsh } from "./oracle.ts";

const refused = (name: RefusalName, message = "no") =>
  new LibvirtRefusedError("domainReset", { code: refusalCode(name), domain: 10, message });

const FAILURES: readonly (readonly [Error, FailureKind])[] = [
  [refused("noDomain"), "gone"],
  [refused("operationInvalid"), "wrong-state"],
  [refused("noSupport"), "unsupported"],
  [refused("argumentUnsupported"), "unsupported"],
  [refused("operationUnsupported"), "unsupported"],
  [refused("operationDenied"), "denied"],
  [refused("accessDenied"), "denied"],
  [refused("operationTimeout"), "no-answer"],
  [refused("agentUnresponsive"), "no-answer"],
  [refused("internalError"), "failed"],
  [new LibvirtRefusedError("domainReset", { code: 9999, domain: 10, message: "no" }), "failed"],
  [new LibvirtDeadlineError("reply to domainReset", 10_000), "no-answer"],
  [new LibvirtClosedError("the daemon hung up"), "unreachable"],
  [new LibvirtProtocolError("a packet of 2 bytes"), "unreachable"],
  [new LibvirtConnectError("no libvirt listens at /a", "start it"), "unreachable"],
  [new LibvirtConnectError("/a: denied", "join", Object.assign(new Error("denied"), { code: "EACCES" })), "denied"],
  [new LibvirtStreamLimitError("domainScreenshot", 9), "failed"],
];

for (const [error, kind] of FAILURES) {
  test(`${error.message} is told as ${kind}, with its hint and its cause`, () => {
    const told = hypervisorError("reset of web-1", error);
    assert.ok(told instanceof HypervisorError && error instanceof UserError);
    assert.equal(told.kind, kind);
    assert.equal(told.hint, error.hint);
    assert.equal(told.cause, error);
    assert.equal(told.exitCode, ["denied", "no-answer", "unreachable"].includes(kind) ? 3 : 1);
    assert.match(told.message, /^reset of web-1: /);
    if (error.hint !== undefined) assert.equal(told.message.split(error.hint).length, 2);
  });
}

test("what libvirt says of a guest moves no cursor; what is not libvirt's stays what it is", () => {
  const told = hypervisorError("reset of \x1b[2J", refused("operationFailed", "'\x1b[2J' is bad"));
  assert.ok(told instanceof Error);
  assert.match(told.message, /^reset of \\u\{1b\}\[2J: '\\u\{1b\}\[2J' is bad; /);
  const reason = new Error("enough");
  assert.equal(hypervisorError("reset of a", reason), reason);
});

const domain: Domain = { name: "a", uuid: "00000000-0000-4000-8000-000000000000", id: 7 };
const guest = { name: "a", uuid: domain.uuid, run: "7" };

const EVENTS: readonly (readonly [WatchMessage, object | undefined])[] = [
  [
    { type: "reboot", domain },
    { type: "reset", guest },
  ],
  [
    { type: "watchdog", domain, action: "unknown-9" },
    { type: "fire", guest, action: "unknown" },
  ],
  [
    { type: "controlError", domain },
    { type: "monitor-lost", guest },
  ],
  [
    { type: "ioError", domain, path: "/a.raw", alias: "", action: "pause", reason: "enospc" },
    { type: "storage-error", guest, image: "/a.raw", device: undefined, action: "pause", reason: "enospc" },
  ],
  [
    { type: "agent", domain, state: "disconnected", reason: "channel" },
    { type: "channel", guest, name: "org.qemu.guest_agent.0", open: false },
  ],
  [
    { type: "memoryFailure", domain, recipient: "guest", action: "fatal", flags: 0 },
    { type: "memory-failure", guest, recipient: "guest", action: "fatal" },
  ],
  [
    { type: "deviceRemoved", domain, alias: "watchdog0" },
    { type: "device-removed", guest, device: "watchdog0" },
  ],
  [
    { type: "deviceRemovalFailed", domain, alias: "watchdog0" },
    { type: "device-removal-failed", guest, device: "watchdog0" },
  ],
  [
    { type: "metadata", domain, kind: "element", uri: "urn:a" },
    { type: "metadata", guest, uri: "urn:a" },
  ],
  [
    { type: "lifecycle", domain: { ...domain, id: -1 }, event: "stopped", detail: "failed" },
    {
      type: "lifecycle",
      guest: { ...guest, run: undefined, state: "shutoff", reason: "failed" },
      change: "stopped",
      detail: "failed",
    },
  ],
  [
    { type: "missed", before: { domain, state: "blocked", reason: "unknown" }, after: undefined },
    { type: "missed", before: { ...guest, state: "running", reason: "unknown" }, after: undefined },
  ],
  [
    { type: "connected", guests: [{ domain, state: "nostate", reason: "unknown-4" }], unsupported: ["memoryFailure"] },
    { type: "connected", guests: [{ ...guest, state: "unknown", reason: "unknown" }], deafTo: ["memory-failure"] },
  ],
  [{ type: "monitor", domain, name: "STOP", seconds: 0n, micros: 0, details: undefined }, undefined],
];

for (const [message, event] of EVENTS) {
  test(`${message.type} is told as ${event === undefined ? "nothing" : (event as { type: string }).type}`, () => {
    assert.deepEqual(new EventTranslator().translate(message), event);
  });
}

test("an event that tells nothing of the state leaves it as it was", () => {
  const translator = new EventTranslator();
  translator.translate({
    type: "connected",
    guests: [{ domain, state: "paused", reason: "watchdog" }],
    unsupported: [],
  });
  const event = translator.translate({ type: "lifecycle", domain, event: "defined", detail: "updated" });
  assert.deepEqual(event?.type === "lifecycle" && event.guest, { ...guest, state: "paused", reason: "watchdog" });
});

const value = (name: string, number: bigint) => ({ name, value: number });

test("counters are the sums over all disks, cards and processors, in bytes and seconds", () => {
  const parameters = [
    value("state.state", 1n),
    value("cpu.time", 9_000_000_000n),
    ...[value("vcpu.current", 2n), value("vcpu.maximum", 4n)],
    ...[value("vcpu.0.time", 1_500_000_000n), value("vcpu.0.delay", 1_000_000n)],
    ...[value("vcpu.3.time", 500_000_000n), value("vcpu.3.delay", 2_000_000n)],
    ...[value("net.count", 2n), value("net.0.rx.bytes", 1n), value("net.0.tx.bytes", 2n)],
    ...[value("net.1.rx.bytes", 10n), value("net.1.tx.bytes", 20n)],
    ...[value("block.count", 2n), value("block.0.rd.reqs", 1n), value("block.0.rd.bytes", 512n)],
    ...[value("block.0.wr.reqs", 3n), value("block.0.wr.bytes", 1024n), value("block.1.rd.reqs", 4n)],
  ];
  assert.deepEqual(countersOf(parameters), {
    disk: { reads: 5, writes: 3, readBytes: 512, writtenBytes: 1024 },
    network: { receivedBytes: 11, sentBytes: 22 },
    processors: { count: 2, ranS: 2, waitedS: 0.003 },
  });
});

test("counters without QEMU's answer are none, and those of a guest that is off neither", () => {
  assert.equal(countersOf([value("state.state", 1n), value("block.count", 1n)]), undefined);
  assert.equal(countersOf([value("state.state", 5n), value("block.count", 1n)]), "off");
});

test("a transient guest has no next start, a changed one another; one without a screen no screenshot", async (t) => {
  const daemon = await sessionDaemon(t);
  const libvirt = await Libvirt.open(daemon.uri("qemu:///session"));
  const hypervisor = await openHypervisor(daemon.uri("qemu:///session"));
  lastFirst(t, () => libvirt.close());
  lastFirst(t, () => hypervisor.close());
  const xml = guestXml(daemon).replace(/<video>.*<\/video>/, "<video><model type='none'/></video>");
  const created = await libvirt.call("domainCreateXml", { xml, flags: 1 }, { deadlineMs: 60_000 });
  const tiny = await hypervisor.guest(created.domain.uuid);
  assert.equal((await hypervisor.hardware(tiny, "now")).action, "pause");
  await assert.rejects(hypervisor.hardware(tiny, "next-start"), (error) => isFailure(error, "gone"));
  await assert.rejects(
    hypervisor.screenshot(tiny),
    (error) => error instanceof HypervisorError && /no (screens|console)/.test(error.message),
  );
  const uuid = "9a9f5bcf-e189-414a-9a2f-eff3117dd7e3";
  const define = (action: string) => {
    const another = guestXml(daemon, { name: "changed", action }).replace("<memory", `<uuid>${uuid}</uuid>$&`);
    return libvirt.call("domainDefineXmlFlags", { xml: another, flags: 0 });
  };
  const { domain } = await define("reset");
  await libvirt.call("domainCreateWithFlags", { domain, flags: 1 }, { deadlineMs: 60_000 });
  await define("poweroff");
  const changed = await hypervisor.guest("changed");
  assert.equal((await hypervisor.hardware(changed, "now")).action, "reset");
  assert.equal((await hypervisor.hardware(changed, "next-start")).action, "poweroff");
  const version = await virsh(daemon.clientUri("qemu:///session"), "version", "--daemon");
  assert.ok(version.includes(`Running against daemon: ${await hypervisor.libvirtVersion()}`));
});

for (const text of ["{", "null", "7"]) {
  test(`${text} from an agent or a monitor is a failure like any other`, async (t) => {
    const said: Readonly<Record<string, Buffer>> = {
      connectGetType: encode(procedures.connectGetType.result, { type: "QEMU" }),
      qemuDomainAgentCommand: encode(procedures.qemuDomainAgentCommand.result, { result: text }),
      qemuDomainMonitorCommand: encode(procedures.qemuDomainMonitorCommand.result, { result: text }),
    };
    const answer: Answer = (packet, socket) => {
      const [, payload] = Object.entries(said).find(([name]) => isCall(packet, name as keyof typeof procedures)) ?? [];
      socket.write(reply(packet, payload));
    };
    const daemon = await fakeDaemon(t, greeting(answer));
    const hypervisor = await openHypervisor(daemon.uri);
    lastFirst(t, () => hypervisor.close());
    const guest = { uuid: "9a9f5bcf-e189-414a-9a2f-eff3117dd7e3", name: "web", run: "1" };
    const asked = hypervisor.agent(guest, { execute: "guest-ping" });
    await assert.rejects(asked, (error) => isFailure(error, "failed"));
    await assert.rejects(hypervisor.fireMark(guest), (error) => isFailure(error, "failed"));
  });
}

test("a shutdown is the power button: no agent is asked first, which may hang", async (t) => {
  const flags: number[] = [];
  const answer: Answer = (packet, socket) => {
    if (isCall(packet, "domainShutdownFlags")) flags.push(packet.payload.readUInt32BE(packet.payload.length - 4));
    const isType = isCall(packet, "connectGetType");
    socket.write(reply(packet, isType ? encode(procedures.connectGetType.result, { type: "QEMU" }) : undefined));
  };
  const daemon = await fakeDaemon(t, greeting(answer));
  const hypervisor = await openHypervisor(daemon.uri);
  lastFirst(t, () => hypervisor.close());
  await hypervisor.act({ uuid: "9a9f5bcf-e189-414a-9a2f-eff3117dd7e3", name: "web", run: "1" }, "shutdown");
  assert.deepEqual(flags, [1]); // VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN
});

test("a socket that nobody listens at is unreachable, a URI that is none a mistake of its writer", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "bv-"));
  t.after(() => rm(dir, { recursive: true }));
  const opening = openHypervisor(`qemu:///system?socket=${dir}/none`);
  await assert.rejects(opening, (error) => isFailure(error, "unreachable"));
  await assert.rejects(openHypervisor("no uri"), (error) => error instanceof UserError && error.exitCode === 2);
});
