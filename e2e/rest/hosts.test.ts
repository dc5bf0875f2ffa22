/** What `bernard guests` and `bernard doctor` say of a real guest under libvirt: whoever feeds it, or does not, is known. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Hypervisor, openHypervisor } from "@bernard/hypervisor";
import { Libvirt } from "@bernard/hypervisor/libvirt";
import { type Daemon, sessionDaemon } from "@bernard/hypervisor/test-daemon";
import { CHANNEL_NAME } from "@bernard/protocol";
import { buildImage, ControlPort } from "@bernard/testbed";
import { root, run, unpack } from "@bernard/tools";
import { DAEMON } from "../stage.ts";
import { Program } from "./program.ts";

/** VIR_DOMAIN_START_PAUSED */
const PAUSED = 1;

/** Seconds: longer than doctor listens, so that a feeder that is held up for that long is no fire. */
const TIMEOUT_S = 60;

const SOON_MS = 60_000;
const BOOT_MS = 120_000;

const CONF = `watchdog-timeout = ${TIMEOUT_S}\ndisk = none\ngrace = 0\nstate-directory = none\n`;

/** qemu-guest-agent and its libraries, which the small guest has not. */
const AGENT_PACKAGES = [
  "qemu-guest-agent",
  "libc6",
  "libglib2.0-0",
  "libnuma1",
  "libpcre2-8-0",
  "libudev1",
  "liburing2",
];
const AGENT_FILES = [
  "usr/sbin/qemu-ga",
  "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
  "lib/x86_64-linux-gnu/libc.so.6",
  "lib/x86_64-linux-gnu/libm.so.6",
  "usr/lib/x86_64-linux-gnu/libglib-2.0.so.0",
  "usr/lib/x86_64-linux-gnu/libgmodule-2.0.so.0",
  "usr/lib/x86_64-linux-gnu/libnuma.so.1",
  "usr/lib/x86_64-linux-gnu/libpcre2-8.so.0",
  "usr/lib/x86_64-linux-gnu/libudev.so.1",
  "usr/lib/x86_64-linux-gnu/liburing.so.2",
];

/** In the guest: the agent from its disk, at its port. */
const START_AGENT = `
mkdir /agent && tar -x -C /agent < /dev/vdb && cd /agent
libraries=/agent/lib/x86_64-linux-gnu:/agent/usr/lib/x86_64-linux-gnu
lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 --library-path $libraries usr/sbin/qemu-ga \\
  -m virtio-serial -p /dev/virtio-ports/org.qemu.guest_agent.0 < /dev/null > /dev/null 2>&1 &`;

interface Stage {
  readonly daemon: Daemon;
  readonly hypervisor: Hypervisor;
  /** Runs a script in the guest that must end well. */
  readonly sh: (script: string) => Promise<string>;
}

/** The small guest as libvirt runs it, fed by bernard-guest. */
async function bootFedGuest(t: TestContext): Promise<Stage> {
  const daemon = await sessionDaemon(t);
  const xml = await domainXml(t, daemon);
  const libvirt = await Libvirt.open(daemon.uri("qemu:///session"));
  const asked = { xml, flags: PAUSED };
  const { domain } = await libvirt.call("domainCreateXml", asked, { deadlineMs: SOON_MS });
  const hypervisor = await openHypervisor(daemon.uri("qemu:///session"));
  const [guest] = await hypervisor.guests();
  const port = await hypervisor.channel(guest!, "org.bernard.testbed.0");
  const booted = Promise.withResolvers<void>();
  const control = new ControlPort(port, () => booted.resolve());
  await libvirt.call("domainResume", { domain });
  libvirt.close();
  const deadline = setTimeout(() => booted.reject(new Error("the guest does not boot")), BOOT_MS);
  await booted.promise.finally(() => clearTimeout(deadline));
  const sh = async (script: string) => {
    const { code, output } = await control.run(script, SOON_MS);
    assert.equal(code, 0, output);
    return output;
  };
  return { daemon, hypervisor, sh };
}

async function domainXml(t: TestContext, daemon: Daemon): Promise<string> {
  const image = await buildImage((line) => t.diagnostic(line));
  const disk = join(daemon.dir, "data.qcow2");
  await run("qemu-img", ["create", "-q", "-f", "qcow2", "-b", image.dataDisk, "-F", "qcow2", disk]);
  const packages = await unpack("debian-guest-agent", AGENT_PACKAGES, (line) => t.diagnostic(line));
  const agent = join(daemon.dir, "agent.tar");
  await run("tar", ["-c", "-h", "-f", agent, "-C", packages, ...AGENT_FILES]);
  const append = [
    "console=ttyS0 quiet no_timer_check mitigations=off cryptomgr.notests initcall_blacklist=tracer_init_tracefs",
    `testbed.fs=${image.fileSystem} testbed.watchdog=i6300esb testbed.feeder=bernard`,
    `testbed.conf=${Buffer.from(CONF).toString("base64")}`,
  ].join(" ");
  const channel = (name: string) => `<channel type='unix'><target type='virtio' name='${name}'/></channel>`;
  return `<domain type='qemu'>
  <name>web</name>
  <memory unit='MiB'>256</memory>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>${image.kernel}</kernel><initrd>${image.initrd}</initrd><cmdline>${append}</cmdline>
  </os>
  <features><acpi/></features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file'><driver name='qemu' type='qcow2'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file'><driver name='qemu' type='raw'/><source file='${agent}'/><target dev='vdb' bus='virtio'/><readonly/></disk>
    <controller type='usb' model='none'/>
    <serial type='file'><source path='${daemon.dir}/console.log'/></serial>
    ${[CHANNEL_NAME, "org.bernard.testbed.0", "org.qemu.guest_agent.0"].map(channel).join("\n    ")}
    <watchdog model='i6300esb' action='reset'/>
    <memballoon model='none'/>
  </devices>
</domain>`;
}

test("doctor knows who feeds a guest, hears when nobody does, and asks the agent where bernard-guest is not", async (t) => {
  const { daemon, hypervisor, sh } = await bootFedGuest(t);
  t.after(() => hypervisor.close());
  const bernard = (...args: readonly string[]) =>
    new Program(t, [join(root, "bernard"), ...args, "--connect", daemon.uri("qemu:///session")]).ended;
  const doctor = async () => {
    const { code, stdout } = await bernard("doctor", "web", "--json");
    const [{ feeder, findings }] = JSON.parse(stdout);
    return { code, feeder, ids: findings.map(({ id }: { id: string }) => id) };
  };
  const well = (feeder: string) => ({ code: 0, feeder, ids: [] });

  await t.test("bernard-guest feeds, and says so", async () => {
    const { code, stdout } = await bernard("doctor", "web");
    assert.deepEqual(
      [code, stdout],
      [0, "web: well, running (unpaused), i6300esb, action reset, feeder bernard-guest\n"],
    );
    assert.match((await bernard("guests")).stdout, /^web .* i6300esb +reset +bernard-guest$/m);
  });

  await t.test("while a host daemon listens, its channel is left to it", async () => {
    const [guest] = await hypervisor.guests();
    const channel = await hypervisor.channel(guest!, CHANNEL_NAME);
    assert.deepEqual(await doctor(), well("bernard-guest"));
    const closed = new Promise((resolve) => channel.once("close", resolve));
    channel.destroy();
    await closed;
  });

  await t.test("a feeder that hangs is silent", async () => {
    await sh(`kill -STOP ${DAEMON}`);
    assert.deepEqual(await doctor(), { code: 1, feeder: "unknown", ids: ["silent-feeder"] });
    await sh(`kill -CONT ${DAEMON}`);
  });

  await t.test("without bernard-guest and without an agent nobody knows", async () => {
    await sh(`kill ${DAEMON}; while pidof bernard-guest; do usleep 50000; done`);
    assert.deepEqual(await doctor(), { code: 1, feeder: "unknown", ids: ["feeder-unknown"] });
  });

  await t.test("the agent tells that the device is not armed", async () => {
    const { promise: opened, resolve } = Promise.withResolvers<void>();
    const watch = await hypervisor.watch((event) => event.type === "channel" && event.open && resolve());
    await sh(START_AGENT);
    await opened;
    watch.close();
    assert.deepEqual(await doctor(), { code: 1, feeder: "nobody", ids: ["unfed"] });
  });

  await t.test("the agent tells that somebody else feeds it", async () => {
    await sh("watchdog -t 5 -T 60 /dev/watchdog0");
    assert.deepEqual(await doctor(), well("another"));
    await sh("killall watchdog; while pidof watchdog; do usleep 50000; done");
  });

  await t.test("the agent tells that no driver is loaded", async () => {
    await sh("rmmod i6300esb");
    assert.deepEqual(await doctor(), { code: 1, feeder: "nobody", ids: ["no-driver"] });
  });
});
