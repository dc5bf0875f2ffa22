/** System calls with names and types. All bytes that they exchange lie in one arena, made once and never moved. */
import { decode, encode } from "../bytes.ts";
import {
  AT_FDCWD,
  CLOCK_REALTIME,
  E2BIG,
  EINTR,
  ENAMETOOLONG,
  F_SETFD,
  FD_CLOEXEC,
  LINUX_REBOOT_MAGIC1,
  LINUX_REBOOT_MAGIC2,
  LONG,
  MS_RDONLY,
  MS_REMOUNT,
  NR,
  NR_SOCKET,
  O_CLOEXEC,
  O_RDONLY,
  RLIMIT_FSIZE,
  SEEK_END,
  SIGCHLD,
  SO_PEERCRED,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCKETCALL,
  SOL_SOCKET,
  ST_RDONLY,
  STAT_MODE,
  WNOHANG,
} from "./abi.ts";

/** Longest content of one call. A channel message is 16 KiB at most; longer files are read in chunks of this. */
const CONTENT = 32 * 1024;
const PATH = 4096;
const RECORD = 1024;

const arena = new Uint8Array(CONTENT + PATH + RECORD);
const contentAt = address(arena);
const pathAt = contentAt + CONTENT;
const recordAt = pathAt + PATH;

/** Small structures for the kernel are laid out here, little-endian. */
export const record = new DataView(arena.buffer, CONTENT + PATH, RECORD);

/** Bits of `sys`'s second argument: which arguments are places in memory. */
const FIRST = 1;
const SECOND = 2;
const THIRD = 4;
const FOURTH = 8;
const FIFTH = 16;

/** Lays a path down as a C string; one that is too long becomes the empty one, which names no file (ENOENT). */
function place(path: string): number {
  const bytes = encode(path);
  if (bytes.length >= PATH) return pathAt + PATH - 1;
  arena.set(bytes, CONTENT);
  arena[CONTENT + bytes.length] = 0;
  return pathAt;
}

/** The whole file, cut at the arena's size, or a negative errno; the bytes are valid until the next call. */
export function readWhole(path: string): Uint8Array | number {
  const size = read(place(path), contentAt, CONTENT);
  return size < 0 ? size : arena.subarray(0, size);
}

/** Hands a file of any length to `take`, chunk by chunk, as far as `take` wants; 0, or a negative errno. */
export function readChunks(path: string, take: (chunk: Uint8Array) => boolean): number {
  const fd = open(path, O_RDONLY);
  if (fd < 0) return fd;
  let chunk = readFrom(fd, CONTENT);
  while (typeof chunk !== "number" && chunk.length > 0 && take(chunk)) chunk = readFrom(fd, CONTENT);
  close(fd);
  return typeof chunk === "number" ? chunk : 0;
}

/** Names in a folder, as many as one call brings (hundreds); none where it cannot be read. */
export function listFolder(path: string): string[] {
  const fd = open(path, O_RDONLY);
  if (fd < 0) return [];
  const names = nextNames(fd);
  close(fd);
  return names;
}

/** Hands over each name in a folder of any size. */
export function eachName(path: string, take: (name: string) => void): void {
  const fd = open(path, O_RDONLY);
  if (fd < 0) return;
  for (let names = nextNames(fd); names.length > 0; names = nextNames(fd)) names.forEach(take);
  close(fd);
}

function nextNames(fd: number): string[] {
  const size = sys(NR.getdents64, SECOND, fd, contentAt, CONTENT);
  // struct linux_dirent64: u64 inode, s64 offset, u16 length of the record, u8 type, name to a zero byte
  const names: string[] = [];
  for (let at = 0; at < size; at += (arena[at + 16] as number) + 256 * (arena[at + 17] as number)) {
    const end = arena.indexOf(0, at + 19);
    names.push(decode(arena.subarray(at + 19, end)));
  }
  return names;
}

export function changeDirectory(path: string): number {
  return sys(NR.chdir, FIRST, place(path));
}

export function open(path: string, flags: number, mode = 0): number {
  return sys(NR.openat, SECOND, AT_FDCWD, place(path), flags | O_CLOEXEC, mode);
}

export function close(fd: number): number {
  return sys(NR.close, 0, fd);
}

export function makeDirectory(path: string, mode: number): number {
  return sys(NR.mkdirat, SECOND, AT_FDCWD, place(path), mode);
}

export function unlink(path: string): number {
  return sys(NR.unlinkat, SECOND, AT_FDCWD, place(path), 0);
}

export function readLink(path: string): string | number {
  const size = sys(NR.readlinkat, SECOND | THIRD, AT_FDCWD, place(path), contentAt, PATH);
  return size < 0 ? size : decode(arena.subarray(0, size));
}

/** What statfs(2) says of a file system. */
export interface FileSystemStatus {
  /** Bytes of a block. */
  readonly blockSize: number;
  /** All, unused, and unused by others than root. */
  readonly blocks: number;
  readonly free: number;
  readonly available: number;
  /** 0 where the file system has no fixed number. */
  readonly inodes: number;
  readonly freeInodes: number;
  readonly readOnly: boolean;
}

/** struct statfs64: two longs, u64 blocks, bfree, bavail, files, ffree, s32 fsid[2], long namelen, frsize, flags. */
export function fileSystemStatus(path: string): FileSystemStatus | number {
  // Where longs are short, the call wants the structure's size.
  const size = LONG === 4 ? [84] : [];
  const result = sys(NR.statfs64, FIRST | (SECOND << size.length), place(path), ...size, recordAt);
  if (result < 0) return result;
  const count = (index: number) => unsigned64(2 * LONG + 8 * index);
  return {
    // Kernels before 2.6.36 leave some file systems' frsize 0: bsize is the same.
    blockSize: record.getUint32(48 + 3 * LONG, true) || record.getUint32(LONG, true),
    blocks: count(0),
    free: count(1),
    available: count(2),
    inodes: count(3),
    freeInodes: count(4),
    readOnly: (record.getUint32(48 + 4 * LONG, true) & ST_RDONLY) !== 0,
  };
}

/** What the record holds there, as far as a double is exact. */
export function unsigned64(at: number): number {
  return record.getUint32(at, true) + record.getUint32(at + 4, true) * 2 ** 32;
}

/** Where struct stat64 has the time of the last change: long seconds, long nanoseconds. */
const MTIME = LONG === 4 ? 72 : 88;

/** When a file's content last changed, as text, `SECONDS.NANOSECONDS` since 1970, or a negative errno; follows links. */
export function modificationTime(path: string): string | number {
  const result = sys(NR.fstatat64, SECOND | THIRD, AT_FDCWD, place(path), recordAt, 0);
  if (result < 0) return result;
  const seconds = LONG === 4 ? record.getInt32(MTIME, true) : unsigned64(MTIME);
  return `${seconds}.${String(record.getUint32(MTIME + LONG, true)).padStart(9, "0")}`;
}

const REGULAR = 0o100000;
const TYPE = 0o170000;

/** Type and permissions of a file, 0 where it cannot be asked; follows links. */
function modeOf(path: string): number {
  const result = sys(NR.fstatat64, SECOND | THIRD, AT_FDCWD, place(path), recordAt, 0);
  return result < 0 ? 0 : record.getUint32(STAT_MODE, true);
}

/** Whether this is a regular file, and no pipe, socket or device. */
export function isFile(path: string): boolean {
  return (modeOf(path) & TYPE) === REGULAR;
}

/** Whether this is a file that its owner may read and run. */
export function isProgram(path: string): boolean {
  const mode = modeOf(path);
  return (mode & TYPE) === REGULAR && (mode & 0o500) === 0o500;
}

export function fsync(fd: number): number {
  return sys(NR.fsync, 0, fd);
}

/** Bytes written, or a negative errno; a signal's interruption is no answer. */
export function write(fd: number, bytes: Uint8Array): number {
  arena.set(bytes.length > CONTENT ? bytes.subarray(0, CONTENT) : bytes);
  let result: number;
  do result = sys(NR.write, SECOND, fd, contentAt, Math.min(bytes.length, CONTENT));
  while (result === -EINTR);
  return result;
}

/** The bytes read (none at the end of the file), or a negative errno. */
export function readFrom(fd: number, size: number): Uint8Array | number {
  let result: number;
  do result = sys(NR.read, SECOND, fd, contentAt, size);
  while (result === -EINTR);
  return result < 0 ? result : arena.subarray(0, result);
}

/** As {@link readFrom}, but to memory outside the arena: where {@link moveBreak} has made room. */
export function readTo(fd: number, at: number, size: number): number {
  return sys(NR.read, 0, fd, at, size);
}

/** An open file from its start, cut at the arena's size, or a negative errno; the bytes are valid until the next call. */
export function readAgain(fd: number): Uint8Array | number {
  const size = sys(NR.pread64, SECOND, fd, contentAt, CONTENT, 0, 0);
  return size < 0 ? size : arena.subarray(0, size);
}

const TWO_TO_32 = 2 ** 32;

/** As much of an open file from `offset` on as goes into `to`; the bytes read, or a negative errno. Where a long has 32 bits, offsets go in two halves. */
export function readInto(fd: number, to: Uint8Array, offset: number): number {
  const [low, high] = LONG === 8 ? [offset, 0] : [offset % TWO_TO_32, Math.floor(offset / TWO_TO_32)];
  return sys(NR.pread64, SECOND, fd, address(to), to.length, low, high);
}

/** To the end of what can be sought in. */
export function seekEnd(fd: number): number {
  return sys(NR.lseek, 0, fd, 0, SEEK_END);
}

/** The byte at `offset` of an open file, or a negative errno. i386 takes the offset in two halves; the second is 0. */
export function readByteAt(fd: number, offset: number): number {
  const result = sys(NR.pread64, SECOND, fd, recordAt, 1, offset, 0);
  return result === 1 ? record.getUint8(0) : Math.min(result, -1);
}

export function writeByteAt(fd: number, offset: number, byte: number): number {
  record.setUint8(0, byte);
  return sys(NR.pwrite64, SECOND, fd, recordAt, 1, offset, 0);
}

/** An ioctl over the record. */
export function ioctl(fd: number, request: number): number {
  return sys(NR.ioctl, THIRD, fd, request, recordAt);
}

/** The two ends of a new pipe, reading end first, or a negative errno. */
export function pipe(flags: number): [number, number] | number {
  const result = sys(NR.pipe2, FIRST, recordAt, flags | O_CLOEXEC);
  return result < 0 ? result : [record.getInt32(0, true), record.getInt32(4, true)];
}

/** Lays a struct timespec (long seconds, long nanoseconds) down behind everything else in the record. */
function placeTimespec(ms: number): number {
  const at = RECORD - 2 * LONG;
  for (let i = at; i < RECORD; i += 4) record.setUint32(i, 0, true);
  record.setUint32(at, Math.floor(ms / 1000), true);
  record.setUint32(at + LONG, (ms % 1000) * 1e6, true);
  return recordAt + at;
}

/** A descriptor, and what of it is waited for. */
export interface Watched {
  readonly fd: number;
  readonly events: number;
}

/** Most descriptors of one {@link poll}. */
const MOST_WATCHED = 120;

/** Milliseconds between two looks at descriptors that can be watched only one by one. */
const GLANCE = 100;

/** Waits until one of `fds` has one of its events or an end, at most `timeout` ms (-1: for ever); the indices of those that have. */
export function poll(all: readonly Watched[], timeout: number): number[] {
  const fds = all.length > MOST_WATCHED ? all.slice(0, MOST_WATCHED) : all;
  const count = pollOnce(fds, timeout);
  if (count < 0 && count !== -EINTR) return pollEach(fds, timeout);
  if (count <= 0) return [];
  return fds.flatMap((_, index) => (record.getInt16(index * 8 + 6, true) === 0 ? [] : [index]));
}

/** The kernel takes no more of them at a time than RLIMIT_NOFILE, which somebody may lower: to ask on and on would be a loop at real-time priority. */
function pollEach(fds: readonly Watched[], timeout: number): number[] {
  const ready = fds.flatMap((watched, index) => (pollOnce([watched], 0) > 0 ? [index] : []));
  if (ready.length === 0) pollOnce([], timeout < 0 ? GLANCE : Math.min(timeout, GLANCE));
  return ready;
}

/** How many of `fds` have one of their events, in the record; or a negative errno. */
function pollOnce(fds: readonly Watched[], timeout: number): number {
  // struct pollfd: s32 fd, s16 events, s16 revents
  fds.forEach(({ fd, events }, index) => {
    record.setInt32(index * 8, fd, true);
    record.setInt16(index * 8 + 4, events, true);
    record.setInt16(index * 8 + 6, 0, true);
  });
  return timeout < 0
    ? sys(NR.ppoll, FIRST, recordAt, fds.length, 0, 0, 0)
    : sys(NR.ppoll, FIRST | THIRD, recordAt, fds.length, placeTimespec(Math.ceil(timeout)), 0, 0);
}

/** A socket call: one of its own, or one of those that socketcall(2) has in it. */
function socketCall(nr: number, where: number, ...args: number[]): number {
  return SOCKETCALL === undefined ? sys(nr, where, ...args) : sys(SOCKETCALL, where << 1, nr, ...args);
}

export function socket(family: number, type: number, protocol: number): number {
  return socketCall(NR_SOCKET.socket, 0, family, type | SOCK_CLOEXEC, protocol);
}

export function connect(fd: number, socketAddress: Uint8Array): number {
  arena.set(socketAddress);
  return socketCall(NR_SOCKET.connect, SECOND, fd, contentAt, socketAddress.length);
}

export function setSocketOption(fd: number, level: number, option: number, value: Uint8Array): number {
  arena.set(value);
  return socketCall(NR_SOCKET.setsockopt, FOURTH, fd, level, option, contentAt, value.length);
}

export function bind(fd: number, socketAddress: Uint8Array): number {
  arena.set(socketAddress);
  return socketCall(NR_SOCKET.bind, SECOND, fd, contentAt, socketAddress.length);
}

export function listen(fd: number, backlog: number): number {
  return socketCall(NR_SOCKET.listen, 0, fd, backlog);
}

/** The next connection's descriptor, which does not block, or a negative errno. */
export function accept(fd: number): number {
  return socketCall(NR_SOCKET.accept4, 0, fd, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/** User id of whoever is at the other end of a stream, or a negative errno. */
export function peerUser(fd: number): number {
  // struct ucred: s32 pid, u32 uid, u32 gid; then the length, in and out
  record.setUint32(12, 12, true);
  const result = socketCall(NR_SOCKET.getsockopt, FOURTH | FIFTH, fd, SOL_SOCKET, SO_PEERCRED, recordAt, recordAt + 12);
  return result < 0 ? result : record.getUint32(4, true);
}

/** A datagram and who sent it; a negative errno: EMSGSIZE for one longer than `size`, which is gone. The bytes are valid until the next call. */
export function receive(fd: number, size: number): { bytes: Uint8Array; pid: number; uid: number } | number {
  const result = hear(fd, contentAt, size, recordAt);
  if (result < 0) return result;
  return { bytes: arena.subarray(0, result), pid: record.getInt32(0, true), uid: record.getUint32(4, true) };
}

/** Permissions that new files do not get; those before. */
export function maskPermissions(mask: number): number {
  return sys(NR.umask, 0, mask);
}

/** Hands a file to another user; its group stays. */
export function changeOwner(path: string, uid: number): number {
  return sys(NR.fchownat, SECOND, AT_FDCWD, place(path), uid, -1, 0);
}

export function effectiveUser(): number {
  return sys(NR.geteuid, 0);
}

export function fork(): number {
  return sys(NR.clone, 0, SIGCHLD, 0, 0, 0, 0);
}

/** A signal to a process, to a group (-pgid), or to every process but init and this one (-1). */
export function kill(pid: number, signal: number): number {
  return sys(NR.kill, 0, pid, signal);
}

/** A child that has ended, with its wait status; undefined where none has. */
export function reap(): { readonly pid: number; readonly status: number } | undefined {
  const pid = sys(NR.wait4, SECOND, -1, recordAt, WNOHANG, 0);
  return pid > 0 ? { pid, status: record.getInt32(0, true) } : undefined;
}

/** What a signal does when nothing was said of it; all zeros is that on every architecture. */
export function restoreSignal(signal: number): number {
  for (let at = 0; at < 32; at += 4) record.setUint32(at, 0, true);
  return sys(NR.rtSigaction, SECOND, signal, recordAt, 0, SIGSET_SIZE);
}

/** Puts this process at the head of a group of its own. */
export function leadGroup(): number {
  return sys(NR.setpgid, 0, 0, 0);
}

export function duplicate(fd: number, as: number): number {
  return sys(NR.dup3, 0, fd, as, 0);
}

export function rename(from: string, to: string): number {
  const bytes = encode(from);
  if (bytes.length >= PATH) return -ENAMETOOLONG;
  arena.set(bytes, 0);
  arena[bytes.length] = 0;
  return sys(NR.renameat, SECOND | FOURTH, AT_FDCWD, contentAt, AT_FDCWD, place(to));
}

/** Becomes another program; returns only where that failed, with a negative errno. */
export function execute(argv: readonly string[]): number {
  const bytes = encode(`${argv.join("\0")}\0`);
  if (bytes.length > CONTENT) return -E2BIG;
  arena.set(bytes);
  return exec(contentAt, argv.length);
}

/** Most bytes of a file that this process and its children may write. */
export function limitFileSize(bytes: number): number {
  const size = LONG;
  for (let at = 0; at < 16; at += 4) record.setUint32(at, 0, true);
  record.setUint32(0, bytes, true);
  record.setUint32(size, bytes, true);
  return sys(NR.setrlimit, SECOND, RLIMIT_FSIZE, recordAt);
}

/** Seconds since 1970. */
export function wallClock(): number {
  sys(NR.clockGettime, SECOND, CLOCK_REALTIME, recordAt);
  return LONG === 8 ? unsigned64(0) : record.getUint32(0, true);
}

/** Ends the kernel's life: RB_AUTOBOOT or RB_POWER_OFF. */
export function reboot(command: number): number {
  return sys(NR.reboot, 0, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, command, 0);
}

export function syncAll(): void {
  sys(NR.sync, 0);
}

/** Lets a mounted file system take no more writes. */
export function remountReadOnly(point: string): number {
  const at = place(point);
  return sys(NR.mount, SECOND, 0, at, 0, MS_REMOUNT | MS_RDONLY, 0);
}

/** Keeps a descriptor open over {@link execute}, or not. */
export function keepOverExecute(fd: number, keep: boolean): number {
  return sys(NR.fcntl, 0, fd, F_SETFD, keep ? 0 : FD_CLOEXEC);
}

export function exit(code: number): never {
  for (;;) sys(NR.exitGroup, 0, code);
}

export function ownPid(): number {
  return sys(NR.getpid, 0);
}

export function parentPid(): number {
  return sys(NR.getppid, 0);
}

/** Moves the end of the process's data, and says where it is now: where it was, if that was refused. */
export function moveBreak(to: number): number {
  const end = sys(NR.brk, 0, to);
  return end < 0 ? end + 2 ** 32 : end; // i386's upper half
}

/** Gives up being root for good. */
export function setUser(uid: number): number {
  return sys(NR.setuid, 0, uid);
}

export function prctl(option: number, value: number): number {
  return sys(NR.prctl, 0, option, value, 0, 0, 0);
}

/** Names the process, in `ps` and in the kernel's own messages. */
export function prctlName(option: number, name: string): number {
  return sys(NR.prctl, SECOND, option, place(name), 0, 0, 0);
}

export function lockMemory(flags: number): number {
  return sys(NR.mlockall, 0, flags);
}

export function setScheduler(policy: number, priority: number): number {
  record.setInt32(0, priority, true);
  return sys(NR.schedSetscheduler, THIRD, 0, policy, recordAt);
}

/** The kernel's signal set is 64 bits wide on every architecture of ours. */
const SIGSET_SIZE = 8;

function placeSignals(signals: readonly number[]): void {
  record.setUint32(0, 0, true);
  record.setUint32(4, 0, true);
  for (const signal of signals) record.setUint32(0, record.getUint32(0, true) | (1 << (signal - 1)), true);
}

export function maskSignals(how: number, signals: readonly number[]): number {
  placeSignals(signals);
  return sys(NR.rtSigprocmask, SECOND, how, recordAt, 0, SIGSET_SIZE);
}

/** A descriptor that becomes readable when one of `signals`, masked before, arrives. */
export function signalDescriptor(signals: readonly number[], flags: number): number {
  placeSignals(signals);
  return sys(NR.signalfd4, SECOND, -1, recordAt, SIGSET_SIZE, flags | O_CLOEXEC);
}
