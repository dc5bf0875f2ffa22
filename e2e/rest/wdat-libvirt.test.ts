/** `bernard protect --model wdat` on a guest of libvirt's with Debian's stock cloud kernel: from no driver at all to a guest that is reset. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Hypervisor, type HypervisorEvent, openHypervisor } from "@bernard/hypervisor";
import { Libvirt } from "@bernard/hypervisor/libvirt";
import { type Daemon, sessionDaemon } from "@bernard/hypervisor/test-daemon";
import { buildImage, ControlPort } from "@bernard/testbed";
import { root, run } from "@bernard/tools";
import { Program } from "./program.ts";

/** VIR_DOMAIN_START_PAUSED, VIR_DOMAIN_XML_INACTIVE */
const PAUSED = 1;
const INACTIVE = 2;

const SOON_MS = 60_000;
const BOOT_MS = 120_000;
const WITHIN = { deadlineMs: SOON_MS };

const CONTROL = "org.bernard.testbed.0";

async function domainXml(t: TestContext, daemon: Daemon): Promise<string> {
  const image = await buildImage((line) => t.diagnostic(line), "cloud");
  const disk = join(daemon.dir, "data.qcow2");
  await run("qemu-img", ["create", "-q", "-f", "qcow2", "-b", image.dataDisk, "-F", "qcow2", disk]);
  const append = [
    "console=ttyS0 quiet no_timer_check mitigations=off cryptomgr.notests initcall_blacklist=tracer_init_tracefs",
    `testbed.fs=${image.fileSystem} testbed.watchdog=wdat`,
  ].join(" ");
  return `<domain type='qemu'>
  <name>cloud</name>
  <memory unit='MiB'>256</memory>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>${image.kernel}</kernel><initrd>${image.initrd}</initrd><cmdline>${append}</cmdline>
  </os>
  <features><acpi/></features>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file'><driver name='qemu' type='qcow2'/><source file='${disk}'/><target dev='vda' bus='virtio'/></disk>
    <controller type='usb' model='none'/>
    <serial type='file'><source path='${daemon.dir}/console.log'/></serial>
    <channel type='unix'><target type='virtio' name='${CONTROL}'/></channel>
    <memballoon model='none'/>
  </devices>
</domain>`;
}

/** Starts the guest, and resolves when it has booted; runs a script in it that must end well. */
async function boot(libvirt: Libvirt, hypervisor: Hypervisor): Promise<(script: string) => Promise<string>> {
  const { domain } = await libvirt.call("domainLookupByName", { name: "cloud" });
  await libvirt.call("domainCreateWithFlags", { domain, flags: PAUSED }, WITHIN);
  const guest = await hypervisor.guest("cloud");
  const booted = Promise.withResolvers<void>();
  const control = new ControlPort(await hypervisor.channel(guest, CONTROL), () => booted.resolve());
  await libvirt.call("domainResume", { domain });
  const deadline = setTimeout(() => booted.reject(new Error("the guest does not boot")), BOOT_MS);
  await booted.promise.finally(() => clearTimeout(deadline));
  return async (script) => {
    const { code, output } = await control.run(script, SOON_MS);
    assert.equal(code, 0, output);
    return output;
  };
}

test("the cloud kernel drives the timer that protect told it of; it fires, the guest is reset, and libvirtd lives", async (t) => {
  const daemon = await sessionDaemon(t);
  const uri = daemon.uri("qemu:///session");
  const libvirt = await Libvirt.open(uri);
  t.after(() => libvirt.close());
  const hypervisor = await openHypervisor(uri);
  t.after(() => hypervisor.close());
  const { domain } = await libvirt.call("domainDefineXmlFlags", { xml: await domainXml(t, daemon), flags: 0 }, WITHIN);
  const environment = ["env", `XDG_DATA_HOME=${daemon.dir}`];
  const bernard = (...args: readonly string[]) =>
    new Program(t, [...environment, join(root, "bernard"), ...args, "--connect", uri]).ended;

  const { code, stdout } = await bernard("protect", "cloud", "--model", "wdat");
  assert.equal(code, 0);
  assert.match(stdout, /^cloud: watchdog wdat, action reset: at its next start$/m);
  const sh = await boot(libvirt, hypervisor);
  assert.match(await sh("uname -r"), /-cloud-amd64\n$/);
  assert.deepEqual(
    Buffer.from(await sh("base64 /sys/firmware/acpi/tables/WDAT"), "base64"),
    await readFile(join(daemon.dir, "bernard/q35.wdat")),
  );
  assert.equal(await sh("cat /sys/class/watchdog/*/identity"), "wdat_wdt\n", "and none for the i6300esb beside it");

  const { watchdogs, action } = await hypervisor.hardware(await hypervisor.guest("cloud"), "now");
  assert.deepEqual([...watchdogs.map(({ model }) => model), action], ["i6300esb", "wdat", "reset"]);

  const events: HypervisorEvent[] = [];
  const fired = Promise.withResolvers<void>();
  const isReset = Promise.withResolvers<void>();
  const watch = await hypervisor.watch((event) => {
    events.push(event);
    if (event.type === "fire") fired.resolve();
    if (event.type === "reset") isReset.resolve();
  });
  t.after(() => watch.close());
  await sh("watchdog -t 1000 -T 5 /dev/watchdog0"); // feeds once, and then not within the timeout
  const deadline = setTimeout(() => fired.reject(new Error(`nothing fires: ${JSON.stringify(events)}`)), SOON_MS);
  await Promise.all([fired.promise, isReset.promise]).finally(() => clearTimeout(deadline));
  const fire = events.find((event) => event.type === "fire");
  assert.equal(fire?.type === "fire" && fire.action, "reset");
  assert.ok(!events.some((event) => event.type === "disconnected"), "libvirtd lives");
  assert.equal((await libvirt.call("domainGetState", { domain, flags: 0 })).state, 1);

  await libvirt.call("domainDestroyFlags", { domain, flags: 0 }, WITHIN);
  await bernard("unprotect", "cloud");
  const { xml } = await libvirt.call("domainGetXmlDesc", { domain, flags: INACTIVE });
  assert.doesNotMatch(xml, /<watchdog|acpitable|noreboot|org\.bernard\.guest/);
});
