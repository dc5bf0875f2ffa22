/** System calls with names and types. All bytes that they exchange lie in one arena, made once and never moved. */
import { decode, encode } from "../bytes.ts";
import { AT_FDCWD, EINTR, NR, O_CLOEXEC, O_RDONLY } from "./abi.ts";

/** Longest content of one call. A channel message is 16 KiB at most; longer files are read in chunks of this. */
const CONTENT = 32 * 1024;
const PATH = 4096;
const RECORD = 512;

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
  const size = sys(NR.getdents64, SECOND, fd, contentAt, CONTENT);
  close(fd);
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

/** An open file from its start, cut at the arena's size, or a negative errno; the bytes are valid until the next call. */
export function readAgain(fd: number): Uint8Array | number {
  const size = sys(NR.pread64, SECOND, fd, contentAt, CONTENT, 0, 0);
  return size < 0 ? size : arena.subarray(0, size);
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

/** Waits until one of `fds` has one of `events` or an end, at most `timeout` ms (-1: for ever); the indices of those that have. */
export function poll(fds: readonly number[], events: number, timeout: number): number[] {
  // struct pollfd: s32 fd, s16 events, s16 revents
  fds.forEach((fd, index) => {
    record.setInt32(index * 8, fd, true);
    record.setInt16(index * 8 + 4, events, true);
    record.setInt16(index * 8 + 6, 0, true);
  });
  const count = sys(NR.poll, FIRST, recordAt, fds.length, Math.ceil(timeout));
  if (count <= 0) return [];
  return fds.flatMap((_, index) => (record.getInt16(index * 8 + 6, true) === 0 ? [] : [index]));
}

export function fork(): number {
  return sys(NR.fork, 0);
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
