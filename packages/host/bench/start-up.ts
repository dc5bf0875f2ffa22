/** How soon the daemon knows 1,000 guests of a real libvirtd, at its first start and when it knew them before. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Libvirt } from "@bernard/hypervisor/libvirt";
import { type Daemon, guestXml } from "@bernard/hypervisor/test-daemon";
import type { Measurement, Scope } from "@bernard/tools";
import type { GuestView } from "../src/client.ts";
import { now, startDaemon } from "./daemon.ts";

const GUESTS = 1_000;

/** Between two looks at whether each guest's hardware is known. */
const LOOK_MS = 50;

export async function measureStartUp(
  scope: Scope,
  libvirtd: Daemon,
  program: readonly string[],
  dir: string,
): Promise<Measurement[]> {
  const libvirt = await Libvirt.open(libvirtd.uri("qemu:///session"));
  scope.after(() => libvirt.close());
  for (let i = 0; i < GUESTS; i++) {
    const xml = guestXml(libvirtd, { name: `guest-${i}` }).replace("<memory", `<uuid>${randomUUID()}</uuid><memory`);
    await libvirt.call("domainDefineXmlFlags", { xml, flags: 0 }, { deadlineMs: 60_000 });
  }
  const start = async () => {
    const connect = `connect: "${libvirtd.uri("qemu:///session")}"\n`;
    const daemon = await startDaemon(scope, program, join(dir, "start"), connect);
    const watched = (await daemon.printed("every guest is watched; nothing is touched")).at - daemon.startedAt;
    for (;;) {
      const guests = await daemon.client.get<readonly GuestView[]>("/v1/guests");
      if (guests.length === GUESTS && guests.every(({ watchdogs }) => watchdogs?.length === 1)) break;
      await delay(LOOK_MS);
    }
    const known = now() - daemon.startedAt;
    const megabytes = await daemon.megabytes();
    await daemon.stop();
    return { watched: watched / 1000, known: known / 1000, megabytes };
  };
  const first = await start();
  const again = await start();
  const row = { unit: "s", limit: 3 };
  return [
    { ...row, what: `start to every guest watched, ${GUESTS} new guests`, ours: first.watched },
    { ...row, what: "the same, and each one's watchdog device known", ours: first.known },
    { ...row, what: "a restart, to every guest watched", ours: again.watched },
    { ...row, what: "the same, and each one's watchdog device known", ours: again.known },
    {
      what: `resident, ${GUESTS} guests that are off`,
      unit: "MB",
      ours: Math.max(first.megabytes, again.megabytes),
      limit: 150,
    },
  ];
}
