/** Processor time of a round, natively on this host against its real /proc, from the scheduler's own account. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Measurement, type Say, unpack } from "@bernard/tools";
import { bernardConf, everyCheck, INTERVAL_S, watchdogConf } from "./feeders.ts";

/** Seconds that both are measured, side by side. */
const MEASURED_S = 30;

/** Both watch the folder of the measurement's own file system; neither feeds anything. */
export async function measureCpu(daemon: string, say: Say): Promise<Measurement[]> {
  const dir = await mkdtemp(join(tmpdir(), "bernard-bench-"));
  const ourConf = join(dir, "bernard.conf");
  const peerConf = join(dir, "watchdog.conf");
  await writeFile(ourConf, bernardConf({ device: "none", disk: "/", realtime: false }) + everyCheck(dir));
  await writeFile(peerConf, watchdogConf({ disk: "/", realtime: false }));
  await writeFile(join(dir, "feeder.pid"), String(process.pid));
  const ours = spawn(daemon, ["--config", ourConf], { stdio: "ignore" });
  const watchdog = join(await unpack("debian-watchdog", ["watchdog"], say), "usr/sbin/watchdog");
  const peer = spawn(watchdog, ["-F", "-f", "-q", "-c", peerConf], { stdio: "ignore" });
  try {
    await delay(3000); // starting up is not a round
    const before = await Promise.all([nanoseconds(ours), nanoseconds(peer)]);
    await delay(MEASURED_S * 1000);
    const after = await Promise.all([nanoseconds(ours), nanoseconds(peer)]);
    const rounds = MEASURED_S / INTERVAL_S;
    const [our, its] = after.map((value, index) => (value - (before[index] as number)) / rounds / 1e6) as [
      number,
      number,
    ];
    return [{ what: "CPU a round, every check on, natively", unit: "ms", ours: our, peer: its, limit: 1.5 }];
  } finally {
    for (const child of [ours, peer]) await end(child);
    await rm(dir, { recursive: true });
  }
}

/** First number of /proc/PID/schedstat: time spent on a processor. */
async function nanoseconds(child: ChildProcess): Promise<number> {
  return Number((await readFile(`/proc/${child.pid}/schedstat`)).toString().split(" ")[0]);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
}
