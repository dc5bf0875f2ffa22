/**
 * Part of `make bench`: what the client of libvirt promises, beside libvirt's own clients on the same socket of the same daemon,
 * a real libvirtd with 1,000 QEMU guests.
 */
import { randomUUID } from "node:crypto";
import { errorLine, type Measurement, printMeasurements, withScope } from "@bernard/tools";
import { Libvirt } from "../src/libvirt/index.ts";
import { guestXml, sessionDaemon } from "../test/libvirt/daemon.ts";
import { measureEventLatency, measureEventRate } from "./events.ts";
import { startPeer } from "./peer.ts";
import { measureResident } from "./resident.ts";
import { measureCall, measureListing } from "./round-trips.ts";

const GUESTS = 1_000;

try {
  const rows = await withScope(async (scope): Promise<Measurement[]> => {
    const daemon = await sessionDaemon(scope);
    const libvirt = await Libvirt.open(daemon.uri("qemu:///session"));
    scope.after(() => libvirt.close());
    const uuids = Array.from({ length: GUESTS }, () => randomUUID());
    const defineEach = async () => {
      for (const [i, uuid] of uuids.entries()) {
        const xml = guestXml(daemon, { name: `guest-${i}` }).replace("<memory", `<uuid>${uuid}</uuid><memory`);
        await libvirt.call("domainDefineXmlFlags", { xml, flags: 0 }, { deadlineMs: 60_000 });
      }
      return GUESTS;
    };
    const guests = await defineEach();
    const peer = startPeer(scope, daemon.clientUri("qemu:///session"));
    return [
      ...(await measureCall(libvirt, peer)),
      ...(await measureListing(libvirt, peer, guests)),
      ...(await measureResident(scope, daemon, defineEach)),
      ...(await measureEventLatency(scope, daemon, libvirt)),
      ...(await measureEventRate(scope)),
    ];
  });
  printMeasurements(["bernard", "libvirt's own"], rows);
} catch (error) {
  console.error(`make bench: ${errorLine(error)}`);
  process.exitCode = 1;
}
