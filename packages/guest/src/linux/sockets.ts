/**
 * Unix sockets in the runtime directory: what programs tell us (datagrams), and who asks the daemon (streams). Nothing here waits,
 * and nothing grows with what is sent: a datagram is taken in whole or not at all, a request has a length and a deadline.
 */
import { decode, encode, joined } from "../bytes.ts";
import type { Datagram, Inbox } from "../platform.ts";
import * as abi from "./abi.ts";
import * as system from "./system.ts";

/** The loop that waits, as sockets see it. */
export interface Loop {
  /** Has `onReady` called when `fd` is ready, in the place of what it had before; true from it has a round run early. */
  watch(fd: number, events: number, onReady: () => boolean): void;
  /** No longer; it stays open. */
  rest(fd: number): void;
  /** No longer, and closes it. */
  release(fd: number): void;
}

/** Where the daemon is asked. */
export function controlPath(directory: string): string {
  return `${directory}/control`;
}

/** Where it hears the programs of a user; root's is what NOTIFY_SOCKET is set to. */
export function notifyPath(directory: string, uid: number): string {
  return `${directory}/notify${uid === 0 ? "" : `.${uid}`}`;
}

const NEWLINE = 10;
const AT_SIGN = 64;

/** struct sockaddr_un (unix(7)): u16 family, then a path of up to 107 bytes and a zero; undefined for longer ones. `@NAME` is in no file system. */
function unixAddress(path: string): Uint8Array | undefined {
  const name = encode(path);
  if (name.length > 107) return undefined;
  const isAbstract = name[0] === AT_SIGN;
  const address = new Uint8Array(2 + name.length + (isAbstract ? 0 : 1));
  address[0] = abi.AF_UNIX;
  address.set(name, 2);
  if (isAbstract) address[2] = 0;
  return address;
}

/** A socket that is connected to `path`, or a negative errno: ECONNREFUSED where nobody listens any more. */
export function connectTo(path: string, type: number): number {
  const address = unixAddress(path);
  if (address === undefined) return -abi.ENAMETOOLONG;
  const fd = system.socket(abi.AF_UNIX, type, 0);
  if (fd < 0) return fd;
  const result = system.connect(fd, address);
  if (result === 0) return fd;
  system.close(fd);
  return result;
}

/** One datagram, if it is taken at once; 0, or a negative errno. */
export function sendDatagram(path: string, bytes: Uint8Array): number {
  const fd = connectTo(path, abi.SOCK_DGRAM | abi.SOCK_NONBLOCK);
  if (fd < 0) return fd;
  const result = system.write(fd, bytes);
  system.close(fd);
  return Math.min(result, 0);
}

/**
 * A socket at `path` that only `uid` and root may use, or a negative errno. One that a daemon before us left is replaced; one where
 * somebody listens is not (EADDRINUSE).
 */
function bindTo(path: string, type: number, uid: number): number {
  const address = unixAddress(path);
  if (address === undefined) return -abi.ENAMETOOLONG;
  system.makeDirectory(path.slice(0, path.lastIndexOf("/")), 0o755);
  const other = connectTo(path, type | abi.SOCK_NONBLOCK);
  if (other >= 0) system.close(other);
  // A listener whose queue is full is one too.
  if (other >= 0 || other === -abi.EAGAIN) return -abi.EADDRINUSE;
  system.unlink(path);
  const fd = system.socket(abi.AF_UNIX, type | abi.SOCK_NONBLOCK, 0);
  if (fd < 0) return fd;
  // Datagrams bring their sender's process and user from the first on.
  if (type === abi.SOCK_DGRAM)
    system.setSocketOption(fd, abi.SOL_SOCKET, abi.SO_PASSCRED, new Uint8Array([1, 0, 0, 0]));
  const before = system.maskPermissions(0o177);
  let result = system.bind(fd, address);
  system.maskPermissions(before);
  if (result === 0 && uid !== system.effectiveUser()) result = system.changeOwner(path, uid);
  if (result === 0 && type === abi.SOCK_STREAM) result = system.listen(fd, MOST_CLIENTS);
  if (result === 0) return fd;
  system.close(fd);
  return result;
}

/** Bytes of a datagram, as systemd's own limit; longer ones are dropped. */
const LONGEST_DATAGRAM = 4096;

/** Datagrams that one round looks at. What is beyond waits in the kernel's queue, which is short, and its senders with it. */
const DATAGRAMS_A_ROUND = 1000;

/** Datagrams between two looks at the clock, so that a flood makes no feed late. */
const DATAGRAMS_AT_ONCE = 50;

/** Datagrams that are looked at to find our own among them: longer than any queue that a kernel is set up with. */
const LONGEST_QUEUE = 4096;

const OVERLONG: Datagram = { bytes: new Uint8Array(0), pid: 0, uid: -1 };

export class LinuxInbox implements Inbox {
  readonly #path: string;
  readonly #uid: number;
  readonly #take: (datagram: Datagram) => boolean;
  readonly #loop: Loop;
  readonly #ownPid = system.ownPid();
  #fd = -1;
  #left = DATAGRAMS_A_ROUND;
  problem = "";

  constructor(path: string, uid: number, take: (datagram: Datagram) => boolean, loop: Loop) {
    this.#path = path;
    this.#uid = uid;
    this.#take = take;
    this.#loop = loop;
    this.#open();
  }

  /** Another round begins. */
  refill(): void {
    if (this.#left <= 0 && this.#fd >= 0) this.#watch();
    this.#left = DATAGRAMS_A_ROUND;
  }

  settle(): boolean {
    if (this.#fd < 0) {
      this.#open();
      return false;
    }
    const sent = sendDatagram(this.#path, new Uint8Array([NEWLINE]));
    if (sent === -abi.EAGAIN) return true; // its queue is full, so programs do reach it
    if (sent === 0 && this.#findOwn()) return true;
    this.#loop.release(this.#fd);
    this.#fd = -1;
    this.#open();
    return false;
  }

  #open(): void {
    const fd = bindTo(this.#path, abi.SOCK_DGRAM, this.#uid);
    this.problem = fd < 0 ? explain(this.#path, -fd) : "";
    if (fd < 0) return;
    this.#fd = fd;
    this.#watch();
  }

  #watch(): void {
    this.#loop.watch(this.#fd, abi.POLLIN, () => this.#receive());
  }

  /** Takes what lies there, as much as this round still may; what is left is asked for again. */
  #receive(): boolean {
    let early = false;
    for (let taken = 0; taken < DATAGRAMS_AT_ONCE; taken++) {
      const datagram = this.#next();
      if (datagram === undefined) break;
      this.#left -= 1;
      if (datagram.pid !== this.#ownPid) early = this.#take(datagram) || early;
    }
    if (this.#left <= 0) this.#loop.rest(this.#fd);
    return early;
  }

  /** Whether what was sent to the path comes in here. */
  #findOwn(): boolean {
    for (let looked = 0; looked < LONGEST_QUEUE; looked++) {
      const datagram = this.#next();
      if (datagram === undefined) return false;
      if (datagram.pid === this.#ownPid) return true;
      this.#take(datagram);
    }
    return true;
  }

  #next(): Datagram | undefined {
    const datagram = system.receive(this.#fd, LONGEST_DATAGRAM);
    if (typeof datagram !== "number") return datagram;
    return datagram === -abi.EMSGSIZE ? OVERLONG : undefined;
  }
}

/** Connections at a time; more wait in the kernel's queue. */
const MOST_CLIENTS = 4;

/** Bytes of a request, its newline included. */
const LONGEST_REQUEST = 4096;

/** Milliseconds from one attempt to make the socket to the next: a full /run may have room again. */
const RETRY_INTERVAL = 10_000;

/** Milliseconds from a connection to its end. */
const PATIENCE = 5000;

interface Client {
  readonly fd: number;
  readonly deadline: number;
  /** The request so far. */
  request: Uint8Array;
  /** The rest of the answer. */
  answer: Uint8Array;
}

/** Takes requests of one line and answers them, for the own user and root alone. */
export class ControlServer {
  readonly #answer: (request: string) => string;
  readonly #loop: Loop;
  readonly #clients = new Map<number, Client>();
  readonly #path: string;
  #fd = -1;
  #openedAt = 0;
  problem = "";

  constructor(path: string, loop: Loop, answer: (request: string) => string) {
    this.#answer = answer;
    this.#loop = loop;
    this.#path = path;
    this.#open(now());
  }

  /** Ends the connections that are past their deadline at `now`; the next deadline (ms). A socket that could not be made is tried again. */
  expire(now: number): number {
    if (this.#fd < 0 && now >= this.#openedAt + RETRY_INTERVAL) this.#open(now);
    let next = Number.POSITIVE_INFINITY;
    for (const client of this.#clients.values()) {
      if (client.deadline <= now) this.#end(client);
      else next = Math.min(next, client.deadline);
    }
    return next;
  }

  #open(now: number): void {
    this.#openedAt = now;
    this.#fd = bindTo(this.#path, abi.SOCK_STREAM, system.effectiveUser());
    this.problem = this.#fd < 0 ? explain(this.#path, -this.#fd) : "";
    if (this.#fd >= 0) this.#listen();
  }

  #listen(): void {
    this.#loop.watch(this.#fd, abi.POLLIN, () => {
      this.#accept();
      return false;
    });
  }

  #accept(): void {
    const fd = system.accept(this.#fd);
    if (fd < 0) return;
    const uid = system.peerUser(fd);
    if (uid !== 0 && uid !== system.effectiveUser()) {
      system.close(fd);
      return;
    }
    const client = { fd, deadline: now() + PATIENCE, request: new Uint8Array(0), answer: new Uint8Array(0) };
    this.#clients.set(fd, client);
    if (this.#clients.size >= MOST_CLIENTS) this.#loop.rest(this.#fd);
    this.#loop.watch(fd, abi.POLLIN, () => {
      this.#read(client);
      return false;
    });
  }

  #read(client: Client): void {
    const bytes = system.readFrom(client.fd, LONGEST_REQUEST);
    if (bytes === -abi.EAGAIN) return;
    if (typeof bytes === "number" || bytes.length === 0) {
      this.#end(client);
      return;
    }
    const request = joined(client.request, bytes);
    client.request = request;
    const end = request.indexOf(NEWLINE);
    if (end === -1 && request.length < LONGEST_REQUEST) return;
    client.answer = encode(this.#answer(decode(end === -1 ? request : request.subarray(0, end))));
    this.#loop.watch(client.fd, abi.POLLOUT, () => {
      this.#write(client);
      return false;
    });
    this.#write(client);
  }

  #write(client: Client): void {
    const written = system.write(client.fd, client.answer);
    if (written === -abi.EAGAIN) return;
    client.answer = client.answer.subarray(Math.max(written, 0));
    if (written < 0 || client.answer.length === 0) this.#end(client);
  }

  #end(client: Client): void {
    this.#clients.delete(client.fd);
    this.#loop.release(client.fd);
    if (this.#clients.size === MOST_CLIENTS - 1) this.#listen();
  }
}

function explain(path: string, errno: number): string {
  switch (errno) {
    case abi.EADDRINUSE:
      return `${path}: another bernard-guest listens there`;
    case abi.ENAMETOOLONG:
      return `${path}: longer than a socket's path may be (107 bytes); choose another runtime-directory`;
    default:
      return `${path}: no socket can be made (errno ${errno})`;
  }
}
