/** What `bernard guests` and `bernard doctor` say of a real guest under libvirt: whoever feeds it, or does not, is known. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Daemon, sessionDaemon } from "@bernard/hypervisor/test-daemon";
import { CHANNEL_NAME } from "@bernard/protocol";
import { root, run, unpack } from "@bernard/tools";
import { DAEMON } from "../stage.ts";
import { LibvirtGuest } from "./libvirt-guest.ts";
import { Program } from "./program.ts";

/** Seconds: longer than doctor listens, so that a feeder that is held up for that long is no fire. */
const TIMEOUT_S = 60;

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

/** The agent on a disk, for a guest. */
async function agentDisk(t: TestContext, { dir }: Daemon): Promise<string> {
  const packages = await unpack("debian-guest-agent", AGENT_PACKAGES, (line) => t.diagnostic(line));
  const agent = join(dir, "agent.tar");
  await run("tar", ["-c", "-h", "-f", agent, "-C", packages, ...AGENT_FILES]);
  return `<disk type='file'><driver name='qemu' type='raw'/><source file='${agent}'/><target dev='vdb' bus='virtio'/><readonly/></disk>`;
}

test("doctor knows who feeds a guest, hears when nobody does, and asks the agent where bernard-guest is not", async (t) => {
  const daemon = await sessionDaemon(t);
  const devices = await agentDisk(t, daemon);
  const guest = await LibvirtGuest.boot(t, daemon, { name: "web", conf: CONF, serial: "file", devices });
  await guest.sh("until bernard-guest status; do usleep 50000; done 2> /dev/null"); // then it has opened its channel
  const { hypervisor } = guest;
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
    const channel = await hypervisor.channel(await hypervisor.guest("web"), CHANNEL_NAME);
    assert.deepEqual(await doctor(), well("bernard-guest"));
    const closed = new Promise((resolve) => channel.once("close", resolve));
    channel.destroy();
    await closed;
  });

  await t.test("a feeder that hangs is silent", async () => {
    await guest.sh(`kill -STOP ${DAEMON}`);
    assert.deepEqual(await doctor(), { code: 1, feeder: "unknown", ids: ["silent-feeder"] });
    await guest.sh(`kill -CONT ${DAEMON}`);
  });

  await t.test("without bernard-guest and without an agent nobody knows", async () => {
    await guest.sh(`kill ${DAEMON}; while pidof bernard-guest; do usleep 50000; done`);
    assert.deepEqual(await doctor(), { code: 1, feeder: "unknown", ids: ["feeder-unknown"] });
  });

  await t.test("the agent tells that the device is not armed", async () => {
    const { promise: opened, resolve } = Promise.withResolvers<void>();
    const watch = await hypervisor.watch((event) => event.type === "channel" && event.open && resolve());
    await guest.sh(START_AGENT);
    await opened;
    watch.close();
    assert.deepEqual(await doctor(), { code: 1, feeder: "nobody", ids: ["unfed"] });
  });

  await t.test("the agent tells that somebody else feeds it", async () => {
    await guest.sh("watchdog -t 5 -T 60 /dev/watchdog0");
    assert.deepEqual(await doctor(), well("another"));
    await guest.sh("killall watchdog; while pidof watchdog; do usleep 50000; done");
  });

  await t.test("the agent tells that no driver is loaded", async () => {
    await guest.sh("rmmod i6300esb");
    assert.deepEqual(await doctor(), { code: 1, feeder: "nobody", ids: ["no-driver"] });
  });
});
