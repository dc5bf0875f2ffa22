/** Boots the test guest, and lets a test or the demo act in it and see what becomes of it. */

import { mkdtempSync, rmSync } from "node:fs";
import { copyFile, mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Accelerator,
  type Disk,
  type Firmware,
  type GuestOptions,
  type QemuGuest,
  type QmpEvent,
  startGuest,
} from "@bernard/hypervisor/qemu";
import { CHANNEL_NAME, ChannelReader, type Dropped, type GuestMessage } from "@bernard/protocol";
import { atProcessEnd, run } from "@bernard/tools";
import { ControlPort, type Result } from "./control-port.ts";
import type { Image } from "./image.ts";
import { ServedDisk } from "./served-disk.ts";
import { Timeline } from "./timeline.ts";

/** Name of the virtio-serial port that guest/control.c serves. */
const CONTROL_NAME = "org.bernard.testbed.0";

/** Milliseconds from QEMU's start to the guest's first word; emulated on an idle machine it takes 3 to 5 s, with systemd 20 s. */
const BOOT_MS = 120_000;

/** Milliseconds that a migration may take. */
const MIGRATION_MS = 60_000;

/** Reads and writes a second, as of a cloud's small disk: on a host's fast one a guest thrashes without noticing. */
const DISK_IOPS = 500;

/** Bytes of a file that one request of {@link TestGuest.put} carries: in base64 twice over it must fit a line of control.c's. */
const PIECE_BYTES = 32 * 1024;

/** The guest's vda, and where there is one its vdb. */
export type DiskName = "data" | "root";

/** How a host holds a disk up: nothing it writes gets through, or nothing at all. */
export type Throttle = "writes" | "everything" | "nothing";

export interface TestGuestOptions {
  readonly image: Image;
  /** For messages and the process list; default `guest`. */
  readonly name?: string;
  /** The watchdog device, and the driver that is loaded for it; none when left out. `wdat`: q35's own, by the table among `acpiTables`. */
  readonly watchdog?: "i6300esb" | "ib700" | "itco" | "wdat";
  /** Default `pc`; `q35` has an iTCO besides. */
  readonly machine?: "pc" | "q35";
  /** Default `bios`. */
  readonly firmware?: "bios" | "uefi";
  /** See `GuestOptions.acpiTables`. */
  readonly acpiTables?: readonly string[];
  /** What the kernel is told besides. */
  readonly kernelArguments?: string;
  /** What QEMU does when it fires; default `reset`. */
  readonly action?: NonNullable<GuestOptions["watchdog"]>["action"];
  /** What feeds it in the small guest: bernard-guest, or Debian's watchdog; default `none`. */
  readonly feeder?: "bernard" | "watchdog" | "none";
  /** The feeder's configuration file, in the small guest. */
  readonly conf?: string;
  readonly memoryMib?: number;
  readonly cpus?: number;
  /** A network card, in the small guest for {@link joinNetwork} to bring up; see `GuestOptions.network`. */
  readonly network?: boolean;
  /** This disk gets a back end of its own, which {@link TestGuest.stallStorage} stops. */
  readonly servedDisk?: DiskName;
  /** Gives the guest a shell on its second serial port and lets it outlive this process, see {@link TestGuest.keep}. */
  readonly keepRunning?: boolean;
}

/** A message of the guest's daemon; `atMs` is the host's monotonic clock (`performance.now()`), as everywhere here. */
export interface Received<M extends GuestMessage = GuestMessage> {
  readonly atMs: number;
  readonly message: M;
}

export interface Boot {
  readonly atMs: number;
  /** The guest's own uptime at that moment. */
  readonly uptimeS: number;
}

export interface KeptGuest {
  /** Process id of its QEMU: ending it ends the guest. */
  readonly pid: number;
  /** The folder to remove afterwards. */
  readonly dir: string;
  /** UNIX socket of the guest's shell. */
  readonly shell: string;
  /** The file that gets the guest's console. */
  readonly console: string;
}

export interface Awaiting {
  readonly deadlineMs: number;
  /** Takes what has come at this time or later too; default: only what comes after the call. */
  readonly sinceMs?: number;
}

/** Boots a guest over private copies of its disks and resolves when it takes commands, its feeder started just before. */
export async function bootTestGuest(options: TestGuestOptions): Promise<TestGuest> {
  // mkdtemp makes it ours alone (0700), and at once, so that no signal comes between it and its undoing.
  // Not in the repository: a UNIX socket's path may have 107 bytes.
  const dir = mkdtempSync(join(tmpdir(), "bernard-"));
  let forget = atProcessEnd(() => removeAtOnce(dir));
  const events = new Timeline<QmpEvent>();
  let guest: TestGuest | undefined;
  let served: ServedDisk | undefined;
  try {
    const { dataDisk, rootDisk } = options.image;
    const disks: Disk[] = [];
    for (const [name, base] of [
      ["data", dataDisk],
      ["root", rootDisk],
    ] as const) {
      if (base === undefined) continue;
      const disk = await overlay(base, dir, name);
      if (name === options.servedDisk) served = await ServedDisk.start(disk, dir);
      disks.push(name === options.servedDisk && served !== undefined ? served.disk : disk);
    }
    const make: GuestOptions = {
      name: options.name ?? "guest",
      dir,
      kernel: options.firmware === "uefi" ? options.image.bzImage : options.image.kernel,
      initrd: options.image.initrd,
      append: commandLine(options),
      machine: options.machine ?? "pc",
      memoryMib: options.memoryMib ?? options.image.memoryMib,
      cpus: options.cpus ?? 1,
      disks,
      channels: [CHANNEL_NAME, CONTROL_NAME],
      ...(options.watchdog === undefined
        ? {}
        : {
            watchdog: {
              model: options.watchdog === "wdat" ? "itco" : options.watchdog,
              action: options.action ?? "reset",
            },
          }),
      ...(options.firmware === "uefi" ? { firmware: await uefi(dir) } : {}),
      ...(options.acpiTables === undefined ? {} : { acpiTables: options.acpiTables }),
      network: options.network ?? false,
      extraSerialSocket: options.keepRunning ?? false,
      keepRunning: options.keepRunning ?? false,
      onEvent: (event) => events.add(event),
    };
    const qemu = await startGuest(make);
    forget();
    forget = atProcessEnd(() => {
      guest?.kill();
      qemu.kill(); // and not by its process id, which may be another's by then
      served?.end();
      removeAtOnce(dir);
    });
    guest = new TestGuest(qemu, make, events, served, forget);
    await guest.nextBoot({ deadlineMs: BOOT_MS, sinceMs: 0 });
    return guest;
  } catch (error) {
    await guest?.stop();
    served?.end();
    await rm(dir, { recursive: true, force: true });
    forget();
    throw error;
  }
}

/** Debian's OVMF, with a copy of its variables for the guest to write. */
async function uefi(dir: string): Promise<Firmware> {
  const variables = join(dir, "variables.fd");
  await copyFile("/usr/share/OVMF/OVMF_VARS_4M.fd", variables);
  return { code: "/usr/share/OVMF/OVMF_CODE_4M.fd", variables };
}

/** A disk that starts as `base` and keeps what is written to itself. */
async function overlay(base: string, dir: string, name: string): Promise<Disk> {
  const file = join(dir, `${name}.qcow2`);
  await run("qemu-img", ["create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", file]);
  return { file, format: "qcow2", iopsLimit: DISK_IOPS };
}

/** A QEMU that is just being ended may still make a socket in the folder while it is emptied: then once more. */
function removeAtOnce(dir: string): void {
  rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 20 });
}

function commandLine(options: TestGuestOptions): string {
  return [
    "console=ttyS0",
    "quiet", // errors only: a kernel that waits for its console is slow
    "no_timer_check", // which a starved host fails
    "mitigations=off cryptomgr.notests", // nothing to protect, and a second less to boot
    // Without tracefs, whose 9 MiB of unreclaimable inodes the kernel would count as available memory.
    "initcall_blacklist=tracer_init_tracefs",
    "8250.nr_uarts=2", // each is a device for udev to go through
    `testbed.feeder=${options.feeder ?? "none"}`,
    `testbed.fs=${options.image.fileSystem}`,
    options.watchdog === undefined ? "" : `testbed.watchdog=${options.watchdog}`,
    options.conf === undefined ? "" : `testbed.conf=${Buffer.from(options.conf).toString("base64")}`,
    options.keepRunning ? "testbed.shell=1" : "",
    options.image.kernelArguments ?? "",
    options.kernelArguments ?? "",
  ].join(" ");
}

export class TestGuest {
  #qemu: QemuGuest;
  readonly #make: GuestOptions;
  readonly #served: ServedDisk | undefined;
  readonly #forget: () => void;
  readonly #control: ControlPort;
  readonly #reader = new ChannelReader();
  readonly #messages = new Timeline<Received>();
  readonly #events: Timeline<QmpEvent>;
  readonly #boots = new Timeline<Boot>();
  #over: string | undefined;

  /** For {@link bootTestGuest} only. */
  constructor(
    qemu: QemuGuest,
    make: GuestOptions,
    events: Timeline<QmpEvent>,
    served: ServedDisk | undefined,
    forget: () => void,
  ) {
    this.#served = served;
    this.#qemu = qemu;
    this.#make = make;
    this.#events = events;
    this.#forget = forget;
    this.#control = new ControlPort(qemu.channel(CONTROL_NAME), (uptimeS) =>
      this.#boots.add({ atMs: performance.now(), uptimeS }),
    );
    this.#follow(qemu);
  }

  /** Listens to the QEMU in which the guest now runs. */
  #follow(qemu: QemuGuest): void {
    qemu.channel(CHANNEL_NAME).on("data", (chunk: Buffer) => {
      const atMs = performance.now();
      for (const message of this.#reader.push(chunk, atMs)) this.#messages.add({ atMs, message });
    });
    qemu.onEvent(({ name }) => {
      if (name === "RESET") this.#control.abandon("the guest was reset");
    });
    qemu.exited.then(({ code, signal }) => {
      if (qemu !== this.#qemu) return; // the guest has moved on
      this.#over = `QEMU has ended (${signal ?? `exit code ${code}`})`;
      this.#control.abandon(this.#over);
      for (const timeline of [this.#messages, this.#events, this.#boots]) timeline.end();
    });
  }

  /** The file that gets what the guest writes to its console: untrusted text. */
  get consolePath(): string {
    return this.#qemu.consolePath;
  }

  get accelerator(): Accelerator {
    return this.#qemu.accelerator;
  }

  /** All that the guest's daemon has said so far. */
  get messages(): readonly Received[] {
    return this.#messages.items;
  }

  /** All events of QEMU so far. */
  get events(): readonly QmpEvent[] {
    return this.#events.items;
  }

  /** Each time that the guest had booted, the first included. */
  get boots(): readonly Boot[] {
    return this.#boots.items;
  }

  /** Lines on the channel that were dropped, by reason. */
  get dropped(): Dropped {
    return this.#reader.dropped;
  }

  /** Runs a shell script in the guest, as root; any exit code is a result. Scripts may run side by side. */
  async run(script: string, { deadlineMs }: { readonly deadlineMs: number } = { deadlineMs: 20_000 }): Promise<Result> {
    try {
      return await this.#control.run(script, deadlineMs);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw await this.#failure(`${why} to the script: ${script.trim()}`);
    }
  }

  /** Writes a file into the guest. */
  async put(path: string, content: Uint8Array): Promise<void> {
    for (let at = 0; at === 0 || at < content.length; at += PIECE_BYTES) {
      const piece = Buffer.from(content.subarray(at, at + PIECE_BYTES)).toString("base64");
      const { code, output } = await this.run(`echo ${piece} | base64 -d ${at === 0 ? ">" : ">>"} "${path}"`);
      if (code !== 0) throw await this.#failure(`cannot write ${path}: ${output.trim()}`);
    }
  }

  /** The next message that passes `test`. */
  async nextMessage<M extends GuestMessage>(
    test: ((message: GuestMessage) => message is M) | ((message: GuestMessage) => boolean),
    awaiting: Awaiting,
  ): Promise<Received<M>> {
    const received = await this.#next(this.#messages, ({ message }) => test(message), "such message", awaiting);
    return received as Received<M>; // TypeScript has no way to say that a passed test narrows it
  }

  /** The next event of QEMU with this name (`WATCHDOG`, `RESET`...). */
  nextEvent(name: string, awaiting: Awaiting): Promise<QmpEvent> {
    return this.#next(this.#events, (event) => event.name === name, `${name} event`, awaiting);
  }

  /** The next time that the guest has booted and takes commands. */
  nextBoot(awaiting: Awaiting): Promise<Boot> {
    return this.#next(this.#boots, () => true, "sign of a boot", awaiting);
  }

  /** Stops the guest's processors and its virtual clock, until {@link resume}. */
  async pause(): Promise<void> {
    await this.#qemu.qmp.execute("stop");
  }

  /** Leaves what the guest's daemon says unread, and its port full, until the returned function is called. */
  muteChannel(): () => void {
    const channel = this.#qemu.channel(CHANNEL_NAME);
    channel.pause();
    return () => void channel.resume();
  }

  /** Moves the running guest into another QEMU, as between two hosts. */
  async migrate(): Promise<void> {
    const dir = join(this.#make.dir, "moved");
    await mkdir(dir);
    const incoming = join(dir, "incoming.sock");
    const source = this.#qemu;
    const target = await startGuest({ ...this.#make, dir, incoming });
    try {
      const arrived = target.qmp.waitFor("RESUME", { deadlineMs: MIGRATION_MS });
      await source.qmp.execute("migrate", { uri: `unix:${incoming}` });
      await arrived;
    } catch (error) {
      target.kill();
      throw error;
    }
    this.#qemu = target;
    this.#control.moveTo(target.channel(CONTROL_NAME));
    this.#follow(target);
    await source.stop();
  }

  /** Lets a paused guest run on. */
  async resume(): Promise<void> {
    await this.#qemu.qmp.execute("cont");
  }

  /** What QEMU does from now on when the watchdog fires. */
  async setAction(action: NonNullable<TestGuestOptions["action"]>): Promise<void> {
    await this.#qemu.qmp.execute("watchdog-set-action", { action });
  }

  /** From now on QEMU writes a line for each of these events inside it (`tco_*`) into the file that is returned. */
  async trace(events: string): Promise<string> {
    const file = join(this.#make.dir, "trace.log");
    for (const line of [`logfile ${file}`, "log trace"]) {
      await this.#qemu.qmp.execute("human-monitor-command", { "command-line": line });
    }
    await this.#qemu.qmp.execute("trace-event-set-state", { name: events, enable: true });
    return file;
  }

  /** Plugs the network card's cable in, or pulls it. */
  setLink(up: boolean): Promise<void> {
    return this.#qemu.setLink(up);
  }

  /** The back end of `servedDisk` stops: what the guest asks of that disk is never answered. */
  stallStorage(): void {
    this.#served?.stall();
  }

  resumeStorage(): void {
    this.#served?.resume();
  }

  /** The host lets through a byte a second of what the guest writes to a disk, or of all that it asks of it; or all of it again. */
  async throttle(disk: DiskName, what: Throttle): Promise<void> {
    const none = { bps: 0, bps_rd: 0, bps_wr: 0, iops: 0, iops_rd: 0, iops_wr: 0 };
    const limit = what === "writes" ? { bps_wr: 1 } : what === "everything" ? { bps: 1 } : {};
    await this.#qemu.qmp.execute("block_set_io_throttle", {
      device: disk === "data" ? "disk0" : "disk1",
      ...none,
      ...limit,
    });
  }

  /** The last lines of the guest's console: untrusted text. */
  consoleTail(lines = 15): Promise<string[]> {
    return this.#qemu.consoleTail(lines);
  }

  /** Kills its QEMU at once. */
  kill(): void {
    this.#qemu.kill();
  }

  /** Ends the guest and removes all that was made for it. */
  async stop(): Promise<void> {
    await this.#qemu.stop();
    this.#served?.end();
    await rm(this.#make.dir, { recursive: true, force: true });
    this.#forget();
  }

  /** Leaves a guest that was booted with `keepRunning` to whoever wants to look at it. */
  keep(): KeptGuest {
    this.#qemu.release();
    this.#forget();
    const { pid, consolePath } = this.#qemu;
    return { pid, dir: this.#make.dir, shell: join(this.#make.dir, "shell.sock"), console: consolePath };
  }

  async #next<T extends { readonly atMs: number }>(
    timeline: Timeline<T>,
    test: (item: T) => boolean,
    what: string,
    { deadlineMs, sinceMs = performance.now() }: Awaiting,
  ): Promise<T> {
    const item = await timeline.next(test, deadlineMs, sinceMs);
    if (item === undefined) throw await this.#failure(this.#over ?? `no ${what} within ${deadlineMs / 1000} s`);
    return item;
  }

  /** An error that tells what was seen of the guest last. */
  async #failure(what: string): Promise<Error> {
    const now = performance.now();
    const ago = (atMs: number) => `${((now - atMs) / 1000).toFixed(1)} s ago`;
    const message = this.#messages.items.at(-1);
    const event = this.#events.items.at(-1);
    const boot = this.#boots.items.at(-1);
    return new Error(
      [
        `${this.#qemu.name}: ${what}`,
        boot ? `booted ${ago(boot.atMs)}` : "has not booted",
        event ? `last event ${event.name} ${ago(event.atMs)}` : "no event",
        message ? `last message ${ago(message.atMs)}: ${JSON.stringify(message.message)}` : "no message",
        "the console's last lines:",
        ...(await this.consoleTail()).map((line) => `  ${line}`),
      ].join("\n"),
    );
  }
}
