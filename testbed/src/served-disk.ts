/** A disk whose back end is a process of its own (qemu-nbd), so that storage can really get stuck: stopped, it answers nothing. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { watch } from "node:fs/promises";
import { join } from "node:path";
import type { Disk } from "@bernard/hypervisor/qemu";
import { UserError } from "@bernard/tools";

const START_MS = 20_000;

export class ServedDisk {
  readonly #server: ChildProcess;
  /** For QEMU. */
  readonly disk: Disk;

  private constructor(server: ChildProcess, disk: Disk) {
    this.#server = server;
    this.disk = disk;
  }

  /** Serves `disk` on a socket in `dir`. The server ends with its only client, or by {@link end}. */
  static async start(disk: Disk, dir: string): Promise<ServedDisk> {
    const socket = join(dir, "nbd.sock");
    const pidFile = join(dir, "nbd.pid"); // written once it listens
    const given = new AbortController();
    const changes = watch(dir, { signal: AbortSignal.any([given.signal, AbortSignal.timeout(START_MS)]) });
    const args = [`--socket=${socket}`, `--pid-file=${pidFile}`, `--format=${disk.format}`, disk.file];
    const server = spawn("qemu-nbd", args, { stdio: "ignore" });
    server.once("error", () => given.abort());
    server.once("exit", () => given.abort());
    try {
      for await (const _ of changes) if (existsSync(pidFile)) break;
    } catch {
      server.kill("SIGKILL");
      throw new UserError("qemu-nbd does not start", "install qemu-utils");
    }
    return new ServedDisk(server, { ...disk, file: `nbd+unix:///?socket=${socket}`, format: "raw" });
  }

  /** It answers nothing from now on. */
  stall(): void {
    this.#server.kill("SIGSTOP");
  }

  resume(): void {
    this.#server.kill("SIGCONT");
  }

  /** Ends it, stalled or not; no harm when it has ended with its client. */
  end(): void {
    this.#server.kill("SIGKILL");
  }
}
