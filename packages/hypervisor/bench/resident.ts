/** What `bernard watch` keeps in memory once it has told an event of each guest, beside `virsh event`. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { type Measurement, root, run, type Scope } from "@bernard/tools";
import type { Daemon } from "../test/libvirt/daemon.ts";

const BERNARD = join(root, "bernard");

/** Between two looks at what a program has printed. */
const LOOK_MS = 50;

/** @param defineEach defines each guest again, which is an event of each; resolves to how many there are */
export async function measureResident(
  scope: Scope,
  daemon: Daemon,
  defineEach: () => Promise<number>,
): Promise<Measurement[]> {
  const empty = await mkdtemp(join(tmpdir(), "bernard-bench-"));
  scope.after(() => rm(empty, { recursive: true }));
  await run(BERNARD, ["--help"]); // any command of before: what Node makes of TypeScript is kept
  const watch = ["watch", "--connect", daemon.uri("qemu:///session")];
  const ours = printer(scope, BERNARD, watch);
  const first = printer(scope, BERNARD, watch, { NODE_COMPILE_CACHE: empty });
  const uri = daemon.clientUri("qemu:///session");
  const peer = printer(scope, "virsh", ["-q", "-c", uri, "event", "--loop", "--event", "lifecycle"]);
  for (const each of [ours, first]) await each.lines(1); // connected
  await delay(1000); // virsh does not say when it begins to listen
  const guests = await defineEach();
  for (const each of [ours, first, peer]) await each.lines(guests);
  const row = { what: `bernard watch, ${guests} guests`, unit: "MB" };
  return [
    { ...row, ours: await ours.megabytes(), peer: await peer.megabytes(), limit: 90 },
    { ...row, what: "the same, at its very first start", ours: await first.megabytes() },
  ];
}

function printer(scope: Scope, program: string, words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawn(program, words, { stdio: ["ignore", "pipe", "inherit"], env: { ...process.env, ...env } });
  const ended = once(child, "exit");
  scope.after(async () => {
    child.kill();
    await ended;
  });
  let printed = 0;
  createInterface({ input: child.stdout }).on("line", () => void printed++);
  return {
    /** Resolves when it has printed so many. */
    async lines(count: number): Promise<void> {
      while (printed < count) {
        if (child.exitCode !== null) throw new Error(`${program} has ended`);
        await delay(LOOK_MS);
      }
    },
    /** All that is resident, the pages shared with other programs included. */
    async megabytes(): Promise<number> {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8");
      return (Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024) / 1e6;
    },
  };
}
