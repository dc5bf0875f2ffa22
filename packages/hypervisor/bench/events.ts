/** How soon an event is heard, beside `virsh event` that prints it, and how many of them can be. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { type Measurement, median, type Scope } from "@bernard/tools";
import { Libvirt } from "../src/libvirt/index.ts";
import { procedures } from "../src/libvirt/procedures.ts";
import { encode } from "../src/libvirt/xdr.ts";
import { type Daemon, guestXml } from "../test/libvirt/daemon.ts";
import { fakeDaemon, greeting, isCall, reply } from "../test/libvirt/fake-daemon.ts";
import { recorded } from "../test/libvirt/recorded.ts";

/** Pauses of a guest, each followed by a resume: two events. */
const PAUSES = 200;

/** Milliseconds after which virsh has printed what it will. */
const SETTLED_MS = 500;

/** The time of an event, by the clock that both of us read: milliseconds since 1970. */
const now = () => performance.timeOrigin + performance.now();

export async function measureEventLatency(scope: Scope, daemon: Daemon, libvirt: Libvirt): Promise<Measurement[]> {
  const { domain } = await libvirt.call(
    "domainCreateXml",
    { xml: guestXml(daemon, { name: "bench", action: "none" }), flags: 0 },
    { deadlineMs: 60_000 },
  );
  const printed = virshEvents(scope, daemon, domain.name);
  const heard: number[] = [];
  const watch = await libvirt.watch((message) => {
    if (message.type === "lifecycle" && message.domain.name === domain.name) heard.push(now());
  });
  const asked: number[] = [];
  const pauseAndResume = async () => {
    for (const name of ["domainSuspend", "domainResume"] as const) {
      asked.push(now());
      await libvirt.call(name, { domain });
    }
  };
  while (printed.length === 0) {
    await pauseAndResume();
    await delay(SETTLED_MS); // virsh does not say when it begins to listen
  }
  for (const times of [printed, heard, asked]) times.length = 0;
  for (let i = 0; i < PAUSES; i++) await pauseAndResume();
  await delay(SETTLED_MS);
  watch.close();
  if (heard.length !== asked.length || printed.length !== asked.length) {
    throw new Error(`of ${asked.length} events we heard ${heard.length}, virsh ${printed.length}`);
  }
  const since = (times: readonly number[], then: readonly number[]) =>
    median(then.map((at, i) => (times[i] as number) - at));
  return [
    { what: "pause or resume to its event", unit: "ms", ours: since(heard, asked), peer: since(printed, asked) },
    { what: "later than virsh event prints it", unit: "ms", ours: since(heard, printed), limit: 5 },
  ];
}

/** When `virsh event` prints, by its own time stamps: a millisecond's fraction is cut off. */
function virshEvents(scope: Scope, daemon: Daemon, name: string): number[] {
  const words = ["event", "--loop", "--timestamp", "--domain", name, "--event", "lifecycle"];
  const uri = daemon.clientUri("qemu:///session");
  const child = spawn("virsh", ["-q", "-c", uri, ...words], { stdio: ["ignore", "pipe", "inherit"] });
  scope.after(() => void child.kill());
  const printed: number[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [, day, time] = /^(\S+) (\S+)\+0000: event 'lifecycle'/.exec(line) ?? [];
    if (day !== undefined) printed.push(Date.parse(`${day}T${time}Z`));
  });
  return printed;
}

/** Events in one write of the sender's, and writes. */
const BURST = 1_000;
const BURSTS = 300;

/** Recorded events through a real socket; who sends them is in this process too, and takes its share. */
export async function measureEventRate(scope: Scope): Promise<Measurement[]> {
  const { connectDomainEventCallbackRegisterAny: register, connectGetAllDomainStats: stats } = procedures;
  const daemon = await fakeDaemon(
    scope,
    greeting((packet, socket) => {
      if (isCall(packet, "connectGetAllDomainStats"))
        socket.write(reply(packet, encode(stats.result, { records: [] })));
      else socket.write(reply(packet, encode(register.result, { callback: 2 })));
    }),
  );
  const libvirt = await Libvirt.open(daemon.uri);
  scope.after(() => libvirt.close());
  let heard = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  await libvirt.watch(({ type }) => {
    if (type === "watchdog" && ++heard === BURST * BURSTS) resolve();
  });
  const burst = Buffer.concat(Array.from({ length: BURST }, () => recorded.watchdogEvent));
  const watching = [...daemon.sockets].at(-1)!;
  const start = performance.now();
  for (let i = 0; i < BURSTS; i++) if (!watching.write(burst)) await once(watching, "drain");
  await promise;
  const seconds = (performance.now() - start) / 1000;
  return [{ what: "events in a second", unit: "", ours: (BURST * BURSTS) / seconds, atLeast: 10_000 }];
}
