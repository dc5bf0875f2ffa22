/**
 * From a guest's fire to its incident on disk, beside `virsh event` that prints the fire: the same fires of real guests, by one clock.
 * Ours is when we have read the line that the daemon logs of the incident, which it does once the journal's commit has returned.
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { Libvirt } from "@bernard/hypervisor/libvirt";
import { type Daemon, guestXml } from "@bernard/hypervisor/test-daemon";
import { type Measurement, median, type Scope } from "@bernard/tools";
import { type HostProcess, startDaemon } from "./daemon.ts";

/** Each fires again when the incident of its last fire is over, and after a reset: QEMU tells of one fire in a second only. */
const GUESTS = 2;
const FIRES = 50;

/** So that each fire is an incident of its own, and none a loop. */
const JUDGE = "judge:\n  calm: 1 s\n  loop: { ends: 100, within: 1 s }\n";

/** Milliseconds after which virsh listens: it does not say so. */
const SETTLED_MS = 1_000;

const PATIENT = { deadlineMs: 60_000 };

export async function measureFires(
  scope: Scope,
  libvirtd: Daemon,
  program: readonly string[],
  dir: string,
): Promise<Measurement[]> {
  const connect = `connect: "${libvirtd.uri("qemu:///session")}"\n`;
  const daemon = await startDaemon(scope, program, join(dir, "fires"), connect + JUDGE);
  await daemon.printed("nothing is touched");
  const virsh = virshFires(scope, libvirtd);
  const libvirt = await Libvirt.open(libvirtd.uri("qemu:///session"));
  scope.after(() => libvirt.close());
  await delay(SETTLED_MS);
  const later = await Promise.all(
    Array.from({ length: GUESTS }, (_, i) => firesOf(`fire-${i}`, libvirtd, libvirt, daemon, virsh)),
  );
  await daemon.stop();
  const sorted = later.flat().toSorted((one, other) => one - other);
  return [
    {
      what: `fire to incident on disk, later than virsh event (${sorted.length})`,
      unit: "ms",
      ours: median(sorted),
      limit: 20,
    },
    { what: "the latest of twenty", unit: "ms", ours: sorted[Math.floor(0.95 * sorted.length)] ?? Number.NaN },
  ];
}

/** Milliseconds from virsh's line to ours, of each fire. */
async function firesOf(
  name: string,
  libvirtd: Daemon,
  libvirt: Libvirt,
  daemon: HostProcess,
  virsh: (name: string, count: number) => Promise<number>,
): Promise<number[]> {
  const later: number[] = [];
  const xml = guestXml(libvirtd, { name, action: "none" });
  const { domain } = await libvirt.call("domainCreateXml", { xml, flags: 0 }, PATIENT);
  for (let fires = 1; fires <= FIRES; fires++) {
    const [ours, theirs] = await Promise.all([
      daemon.printed(`${name}: its watchdog fired`, "", fires),
      virsh(name, fires),
    ]);
    later.push(ours.at - theirs);
    await daemon.printed("the incident is over", /incident=\d+/.exec(ours.line)?.[0] ?? "");
    await libvirt.call("domainReset", { domain, flags: 0 }, PATIENT);
  }
  await libvirt.call("domainDestroyFlags", { domain, flags: 0 }, PATIENT);
  return later;
}

/** When virsh prints a guest's nth fire, by its own time stamp: a millisecond's fraction is cut off. */
function virshFires(scope: Scope, libvirtd: Daemon): (name: string, nth: number) => Promise<number> {
  const words = ["event", "--loop", "--timestamp", "--event", "watchdog"];
  const child = spawn("virsh", ["-q", "-c", libvirtd.clientUri("qemu:///session"), ...words], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  scope.after(() => void child.kill());
  const printed = new Map<string, number[]>();
  const looks = new Set<() => void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [, day, time, name = ""] = /^(\S+) (\S+)\+0000: event 'watchdog' for domain '?([^':]+)/.exec(line) ?? [];
    if (day === undefined) return;
    printed.set(name, [...(printed.get(name) ?? []), Date.parse(`${day}T${time}Z`)]);
    for (const look of looks) look();
  });
  return async (name, nth) => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const look = () => {
      const at = printed.get(name)?.[nth - 1];
      if (at !== undefined) resolve(at);
    };
    looks.add(look);
    look();
    return await promise.finally(() => looks.delete(look));
  };
}
