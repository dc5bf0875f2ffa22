/** `bernard protect --model wdat` on a guest of libvirt's with Debian's stock cloud kernel: from no driver at all to a guest that is reset. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { HypervisorEvent } from "@bernard/hypervisor";
import { Libvirt } from "@bernard/hypervisor/libvirt";
import { sessionDaemon } from "@bernard/hypervisor/test-daemon";
import { root } from "@bernard/tools";
import { LibvirtGuest } from "./libvirt-guest.ts";
import { Program } from "./program.ts";

/** VIR_DOMAIN_XML_INACTIVE */
const INACTIVE = 2;

const SOON_MS = 60_000;
const WITHIN = { deadlineMs: SOON_MS };

test("the cloud kernel drives the timer that protect told it of; it fires, the guest is reset, and libvirtd lives", async (t) => {
  const daemon = await sessionDaemon(t);
  const uri = daemon.uri("qemu:///session");
  const libvirt = await Libvirt.open(uri);
  t.after(() => libvirt.close());
  const guest = await LibvirtGuest.define(t, daemon, { name: "cloud", watchdog: "wdat" });
  const { hypervisor } = guest;
  const { domain } = await libvirt.call("domainLookupByName", { name: guest.name });
  const environment = ["env", `XDG_DATA_HOME=${daemon.dir}`];
  const bernard = (...args: readonly string[]) =>
    new Program(t, [...environment, join(root, "bernard"), ...args, "--connect", uri]).ended;

  const { code, stdout } = await bernard("protect", "cloud", "--model", "wdat");
  assert.equal(code, 0);
  assert.match(stdout, /^cloud: watchdog wdat, action reset: at its next start$/m);
  await guest.start();
  assert.match(await guest.sh("uname -r"), /-cloud-amd64\n$/);
  assert.deepEqual(
    Buffer.from(await guest.sh("base64 /sys/firmware/acpi/tables/WDAT"), "base64"),
    await readFile(join(daemon.dir, "bernard/q35.wdat")),
  );
  assert.equal(
    await guest.sh("cat /sys/class/watchdog/*/identity"),
    "wdat_wdt\n",
    "and none for the i6300esb beside it",
  );

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
  await guest.sh("watchdog -t 1000 -T 5 /dev/watchdog0"); // feeds once, and then not within the timeout
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
