/**
 * Finds the QEMU process behind a monitor's socket, and reads what proc(5) tells of it. It need not be there: QEMU may run in
 * another PID namespace, and /proc may be hidden from us.
 */
import { readdir, readFile, readlink, stat } from "node:fs/promises";
import { basename } from "node:path";

export interface EmulatorProcess {
  readonly pid: number;
  /** When it started, in the kernel's ticks: together with the PID, no other process's while the host is up. */
  readonly startedAt: string;
  readonly arguments: readonly string[];
  /** Whether it holds the very socket; else its arguments name the path, as those of its parent may. */
  readonly certain: boolean;
}

interface Scan {
  /** Inodes of listening sockets by their path. */
  readonly listeners: ReadonlyMap<string, string>;
  readonly emulators: readonly Emulator[];
}

interface Emulator {
  readonly pid: string;
  readonly arguments: readonly string[];
  /** Inodes of its sockets, read once a scan; none where we may not see them. */
  sockets(): Promise<ReadonlySet<string>>;
}

/** The process that listens at `path`. */
export async function findEmulator(path: string): Promise<EmulatorProcess | undefined> {
  const { listeners, emulators } = await freshScan();
  const inode = listeners.get(path) ?? (await listenerOf(path, listeners));
  const named = emulators.filter((each) => each.arguments.some((argument) => argument.includes(escaped(path))));
  const holder = await firstHolder(inode, [...named, ...emulators.filter((each) => !named.includes(each))]);
  const found = holder ?? named[0];
  const stat = found && (await statOf(found.pid));
  if (found === undefined || stat === undefined) return undefined;
  return {
    pid: Number(found.pid),
    startedAt: stat.startedAt,
    arguments: found.arguments,
    certain: holder !== undefined,
  };
}

/** What has become of that very process; a `zombie` has ended, and its parent has not asked how. */
export async function fateOf({ pid, startedAt }: EmulatorProcess): Promise<"running" | "zombie" | "gone"> {
  const found = await statOf(`${pid}`);
  if (found?.startedAt !== startedAt) return "gone";
  return found.state === "Z" || found.state === "X" ? "zombie" : "running";
}

/** Whom the process writes its files as. */
export async function ownerOf({ pid }: EmulatorProcess): Promise<{ uid: number; gid: number } | undefined> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  // The last of each four is the one for files.
  const [, uid] = /^Uid:(?:\s+\d+){3}\s+(\d+)$/m.exec(status) ?? [];
  const [, gid] = /^Gid:(?:\s+\d+){3}\s+(\d+)$/m.exec(status) ?? [];
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}

/** Nanoseconds that a thread ran, and waited for a processor; undefined where it is none of that process. */
export async function timesOf(
  { pid }: EmulatorProcess,
  thread: number,
): Promise<{ ranNs: number; waitedNs: number } | undefined> {
  // "1409326011 31845029 2317": ran, waited, times that it was let run
  const text = await readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8").catch(() => "");
  const [, ran, waited] = /^(\d+) (\d+) /.exec(text) ?? [];
  return ran === undefined ? undefined : { ranNs: Number(ran), waitedNs: Number(waited) };
}

/** What follows the last `-option` among QEMU's arguments. */
export function lastValue(all: readonly string[], option: string): string | undefined {
  const place = all.findLastIndex((each) => each === `-${option}` || each === `--${option}`);
  return place < 0 ? undefined : all[place + 1];
}

let running: Promise<Scan> | undefined;
let following: Promise<Scan> | undefined;

/** A scan that begins after this call; a thousand that ask at a time share it. */
function freshScan(): Promise<Scan> {
  if (running === undefined) {
    running = scan().finally(() => {
      running = undefined;
    });
    return running;
  }
  following ??= running.then(() => {
    following = undefined;
    return freshScan();
  });
  return following;
}

async function scan(): Promise<Scan> {
  const [sockets, entries] = await Promise.all([
    readFile("/proc/net/unix", "utf8").catch(() => ""),
    readdir("/proc").catch(() => []),
  ]);
  const emulators: Emulator[] = [];
  for (const pid of entries) {
    if (!/^\d+$/.test(pid)) continue;
    const all = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
    if (!/^(qemu|kvm)/.test(basename(all[0]!))) continue;
    let sockets: Promise<ReadonlySet<string>> | undefined;
    emulators.push({
      pid,
      arguments: all.slice(1, -1),
      sockets: () => {
        sockets ??= socketsOf(pid);
        return sockets;
      },
    });
  }
  return { listeners: listenersIn(sockets), emulators };
}

/** `00000000a687e7a9: 00000002 00000000 00010000 0001 01 1116900 /run/qmp/a.sock` */
function listenersIn(sockets: string): Map<string, string> {
  const listening = /^\w+: \w+ \w+ 00010000 \w+ \w+ +(\d+) (\/.*)$/gm;
  return new Map(Array.from(sockets.matchAll(listening), ([, inode, path]) => [path!, inode!]));
}

/** The one whose path, by way of other folders, leads to the same file. */
async function listenerOf(path: string, listeners: ReadonlyMap<string, string>): Promise<string | undefined> {
  const wanted = await stat(path).catch(() => undefined);
  if (wanted === undefined) return undefined;
  for (const [other, inode] of listeners) {
    if (basename(other) !== basename(path)) continue;
    const found = await stat(other).catch(() => undefined);
    if (found?.ino === wanted.ino && found.dev === wanted.dev) return inode;
  }
  return undefined;
}

async function firstHolder(inode: string | undefined, emulators: readonly Emulator[]): Promise<Emulator | undefined> {
  if (inode === undefined) return undefined;
  for (const emulator of emulators) if ((await emulator.sockets()).has(inode)) return emulator;
  return undefined;
}

async function socketsOf(pid: string): Promise<ReadonlySet<string>> {
  const folder = `/proc/${pid}/fd`;
  const descriptors = await readdir(folder).catch(() => []);
  const targets = await Promise.all(descriptors.map((each) => readlink(`${folder}/${each}`).catch(() => "")));
  return new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
}

/** `17537 (qemu-system-x86) S 17520 ...`: the state follows the name, the time of the start 19 fields later. */
async function statOf(pid: string): Promise<{ state: string; startedAt: string } | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const { 0: state, 19: startedAt } = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return state === undefined || startedAt === undefined ? undefined : { state, startedAt };
}

/** In QEMU's option lists a comma ends the value, and two stand for one. */
const escaped = (path: string): string => path.replaceAll(",", ",,");
