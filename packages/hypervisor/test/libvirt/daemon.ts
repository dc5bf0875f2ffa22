/**
 * A real libvirtd for a test, in a folder of its own: its sockets, its state and its guests are there, it needs no root, and
 * a libvirtd of the machine's is not touched. It lives in namespaces where we may be whom we like.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { release, tmpdir } from "node:os";
import { join } from "node:path";
import { cached, ensureInstalled, errorCode, run, type Say, type Scope } from "@bernard/tools";
import { obedientKernel, panickingKernel, promptingKernel, tinyKernel, writingKernel } from "../tiny-kernel.ts";

/** libvirtd alone, without the units and networks of libvirt-daemon-system: no service of the machine's starts or changes. */
export const daemonPackages: readonly string[] = [
  "libvirt-daemon",
  "libvirt-clients",
  "python3-libvirt",
  "netcat-openbsd",
  "qemu-system-x86",
];

/** Milliseconds a daemon may take to answer, or to end. */
const START_MS = 60_000;

const CONF = (sockets: string) => `unix_sock_dir = "${sockets}"\nauth_unix_ro = "none"\nauth_unix_rw = "none"\n`;

/** Of a daemon that is root in a namespace of one user: it can change no owner and hold no cgroup. */
const QEMU_CONF = [
  'user = "+0"',
  'group = "+0"',
  "remember_owner = 0",
  'security_driver = "none"',
  "cgroup_controllers = []",
  "namespaces = []",
  'stdio_handler = "file"',
].join("\n");

/** Where a session's daemon keeps what it knows of the emulators, below its home. */
const CAPABILITIES = ".cache/libvirt/qemu/cache/capabilities";

/** Hides the machine's own libvirt; the daemon looks for its users by their names even where it uses none. */
const AS_ROOT = `
for dir in /run /var/lib /var/log /var/cache; do mount -t tmpfs tmpfs "$dir"; done
mkdir /var/cache/libvirt /var/cache/libvirt/qemu
cp -r "$1/${CAPABILITIES}" /var/cache/libvirt/qemu
mount --bind "$1/etc" /etc/libvirt
for file in passwd group; do mount --bind "$1/$file" "/etc/$file"; done
exec libvirtd`;

export class Daemon {
  readonly dir: string;
  readonly #command: readonly [string, readonly string[]];
  /** The last of its sockets that a daemon makes. */
  readonly #lastSocket: string;
  #child: ChildProcess | undefined;

  constructor(dir: string, command: readonly [string, readonly string[]], forReaders: boolean) {
    this.dir = dir;
    this.#command = command;
    this.#lastSocket = forReaders ? this.readOnlySocket : this.socket;
  }

  /** XDG_RUNTIME_DIR of the session. */
  get runtimeDir(): string {
    return join(this.dir, "run");
  }

  get socket(): string {
    return join(this.dir, "run/libvirt/libvirt-sock");
  }

  get readOnlySocket(): string {
    return join(this.dir, "run/libvirt/libvirt-sock-ro");
  }

  /** A kernel for guests; see tinyKernel. */
  get kernel(): string {
    return join(this.dir, "kernel");
  }

  /** One that shuts down when it is asked to; see obedientKernel. */
  get obedientKernel(): string {
    return join(this.dir, "obedient");
  }

  /** One that panics at once; see panickingKernel. */
  get panickingKernel(): string {
    return join(this.dir, "panicking");
  }

  /** One that asks for a passphrase; see promptingKernel. */
  get promptingKernel(): string {
    return join(this.dir, "prompting");
  }

  /** One that writes to its disk; see writingKernel. */
  get writingKernel(): string {
    return join(this.dir, "writing");
  }

  /** The same daemon for our client. */
  uri(name: string): string {
    return `${name}?socket=${this.socket}`;
  }

  /** The same daemon for libvirt's own programs: `qemu:///session`, `test:///default`. */
  clientUri(name: string): string {
    return `${name.replace("://", "+unix://")}?socket=${this.socket}`;
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const [program, args] = this.#command;
    const env = { PATH: process.env.PATH, HOME: this.dir, XDG_RUNTIME_DIR: this.runtimeDir, LC_ALL: "C" };
    // The kernel ends it when we end, however that is; the program that setpriv becomes is the namespace's own.
    const command = ["setpriv", "--pdeathsig", "KILL", "--", program, ...args];
    const child = spawn(command[0]!, command.slice(1), { env, cwd: this.dir, stdio: ["ignore", "ignore", "pipe"] });
    child.stderr.pipe(createWriteStream(join(this.dir, "log"), { flags: "a" }));
    this.#child = child;
    const deadline = performance.now() + START_MS;
    while (!(await answers(this.#lastSocket))) {
      if (child.exitCode !== null || performance.now() > deadline) {
        throw new Error(`libvirtd does not start: ${await readFile(join(this.dir, "log"), "utf8")}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20)); // nothing tells when a socket is there
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Ends it as a service manager does, or as a crash does; its guests go on. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }
}

async function answers(path: string): Promise<boolean> {
  const socket = connect(path);
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A session's daemon, as an ordinary user has it; it goes with the test, its guests too. For all of a file's tests: `await sessionDaemon({ after })`. */
export async function sessionDaemon(t: Scope): Promise<Daemon> {
  return await daemonIn(t, await capabilities(), false, asUser);
}

const asUser = async (dir: string): Promise<[string, readonly string[]]> => [
  "unshare",
  ["--user", "--map-user=1000", "--map-group=1000", "libvirtd", "--config", join(dir, "etc/libvirtd.conf")],
];

/** The system's daemon, with a socket for readers. */
export async function systemDaemon(t: Scope): Promise<Daemon> {
  return await daemonIn(t, await capabilities(), true, async (dir) => {
    for (const [file, entry] of [
      ["passwd", "libvirt-qemu:x:0:0::/:/bin/false"],
      ["group", "libvirt-qemu:x:0:"],
    ] as const) {
      await writeFile(join(dir, file), `${await readFile(`/etc/${file}`, "utf8")}\n${entry}\n`);
    }
    return ["unshare", ["--user", "--map-root-user", "--mount", "sh", "-euc", AS_ROOT, "libvirtd", dir]];
  });
}

/**
 * The folder of what a libvirtd finds out when it is first asked for counters, or to start a guest: it starts each of the machine's
 * emulators for that, and whoever waits for a guest meanwhile waits for seconds, on a busy machine for very many.
 */
export async function capabilities(say: Say = (line) => console.error(line)): Promise<string> {
  await ensureInstalled(daemonPackages, say);
  const versions = await run("dpkg-query", ["-W", "libvirt-daemon", "qemu-system-*"]);
  const build = async (into: string) => {
    const ended: (() => unknown)[] = [];
    try {
      const daemon = await daemonIn({ after: (end) => void ended.push(end) }, undefined, false, asUser);
      await run("virsh", ["-c", daemon.clientUri("qemu:///session"), "capabilities"]);
      await cp(join(daemon.dir, CAPABILITIES), into, { recursive: true });
    } finally {
      for (const end of ended) await end();
    }
  };
  return await cached({ name: "libvirt-capabilities", inputs: [release(), versions], build }, say);
}

async function daemonIn(
  t: Scope,
  known: string | undefined,
  forReaders: boolean,
  commandFor: (dir: string) => Promise<[string, readonly string[]]>,
): Promise<Daemon> {
  const dir = await mkdtemp(join(tmpdir(), "bv-")); // short: libvirt makes sockets deep below it, and 107 bytes are a path's end
  // Where a session's clients look for its socket: $XDG_RUNTIME_DIR/libvirt.
  for (const name of ["etc", "run/libvirt"]) await mkdir(join(dir, name), { recursive: true });
  if (known !== undefined) await cp(known, join(dir, CAPABILITIES), { recursive: true });
  await writeFile(join(dir, "etc/libvirtd.conf"), CONF(join(dir, "run/libvirt")));
  await writeFile(join(dir, "etc/qemu.conf"), QEMU_CONF);
  await writeFile(join(dir, "kernel"), tinyKernel());
  await writeFile(join(dir, "obedient"), obedientKernel());
  await writeFile(join(dir, "panicking"), panickingKernel());
  await writeFile(join(dir, "prompting"), promptingKernel());
  await writeFile(join(dir, "writing"), writingKernel());
  const daemon = new Daemon(dir, await commandFor(dir), forReaders);
  t.after(async () => {
    await daemon.stop();
    for (const pid of await guestsOf(dir)) kill(pid);
    await rm(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });
  await daemon.start();
  return daemon;
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (errorCode(error) !== "ESRCH") throw error; // it has ended meanwhile
  }
}

/** The QEMU processes whose arguments name the folder: guests outlive their daemon. */
export async function guestsOf(dir: string): Promise<number[]> {
  const pids: number[] = [];
  for (const name of (await readdir("/proc")).filter((each) => /^\d+$/.test(each))) {
    const command = await readFile(`/proc/${name}/cmdline`, "utf8").catch(() => "");
    if (/^[^\0]*qemu-system/.test(command) && command.includes(dir)) pids.push(Number(name));
  }
  return pids;
}

/** The XML of a guest with the tiny kernel, whose watchdog device fires as soon as it runs: an i6300esb after 2 s. */
export function guestXml(daemon: Daemon, { name = "tiny", model = "ib700", action = "pause" } = {}): string {
  return `<domain type='qemu'>
  <name>${name}</name>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type><kernel>${daemon.kernel}</kernel></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <serial type='pty'/>
    <channel type='unix'><target type='virtio' name='org.bernard.guest.0'/></channel>
    <video><model type='vga' vram='16384'/></video>
    <watchdog model='${model}' action='${action}'/>
    <memballoon model='none'/>
  </devices>
</domain>`;
}
