/**
 * Echo requests (ICMP, RFC 792; ICMPv6, RFC 4443) over a raw socket of the daemon's own: nothing forks, and nothing waits.
 *
 *   u8 type  u8 code  u16 checksum  u16 identifier  u16 sequence number; IPv4 replies come with their IP header before them
 */
import type { Ping } from "../platform.ts";
import * as abi from "./abi.ts";
import * as system from "./system.ts";

interface Family {
  readonly family: number;
  readonly protocol: number;
  readonly request: number;
  readonly reply: number;
  /** What keeps everything but replies away: level, option, and a bit for each type, set where it is kept away. */
  readonly filter: readonly [level: number, option: number, bytes: number];
  /** struct sockaddr_in, sockaddr_in6: its size, and where the address is in it. */
  readonly size: number;
  readonly at: number;
}

const V4: Family = {
  family: abi.AF_INET,
  protocol: abi.IPPROTO_ICMP,
  request: 8,
  reply: 0,
  filter: [abi.SOL_RAW, abi.ICMP_FILTER, 4],
  size: 16,
  at: 4,
};

const V6: Family = {
  family: abi.AF_INET6,
  protocol: abi.IPPROTO_ICMPV6,
  request: 128,
  reply: 129,
  filter: [abi.IPPROTO_ICMPV6, abi.ICMPV6_FILTER, 32],
  size: 28,
  at: 8,
};

const HEADER = 8;

/** As long as ping(8)'s: what is shorter looks odd to some firewalls. */
const LENGTH = 64;

/** Longest packet that is looked at: an IPv4 header with options, ours, and nothing more. */
const LONGEST = 128;

/** Packets taken at a time: whoever floods us waits. */
const MOST_AT_ONCE = 32;

let pings = 0;

/** Opens one to an address of 4 or 16 bytes, a negative errno where that fails. `forget` is told its descriptor when it is closed. */
export function openPing(address: Uint8Array, forget: (fd: number) => void): LinuxPing | number {
  const kind = address.length === 4 ? V4 : V6;
  const fd = system.socket(kind.family, abi.SOCK_RAW | abi.SOCK_NONBLOCK, kind.protocol);
  if (fd < 0) return fd;
  const [level, option, bytes] = kind.filter;
  const filter = new Uint8Array(bytes).fill(255);
  filter[kind.reply >> 3] = 255 & ~(1 << (kind.reply & 7));
  system.setSocketOption(fd, level, option, filter);
  const socketAddress = new Uint8Array(kind.size);
  socketAddress[0] = kind.family;
  socketAddress.set(address, kind.at);
  const result = system.connect(fd, socketAddress);
  if (result >= 0) return new LinuxPing(fd, kind, forget);
  system.close(fd);
  return result;
}

export class LinuxPing implements Ping {
  readonly fd: number;
  readonly #forget: (fd: number) => void;
  readonly #kind: Family;
  readonly #request = new Uint8Array(LENGTH);
  #sent = 0;

  constructor(fd: number, kind: Family, forget: (fd: number) => void) {
    this.fd = fd;
    this.#kind = kind;
    this.#forget = forget;
    this.#request[0] = kind.request;
    pings += 1;
    // Others ping too, and two of ours may have the same target.
    put(this.#request, 4, system.ownPid() + pings);
  }

  send(): number {
    this.#sent += 1;
    put(this.#request, 6, this.#sent);
    put(this.#request, 2, 0);
    put(this.#request, 2, checksum(this.#request)); // ICMPv6's covers addresses too: there the kernel does it
    return Math.min(system.write(this.fd, this.#request), 0);
  }

  isAnswered(): boolean {
    let answered = false;
    for (let taken = 0; taken < MOST_AT_ONCE; taken++) {
      const packet = system.readFrom(this.fd, LONGEST);
      if (packet === -abi.EAGAIN) break;
      // Other errors are of what was sent before (EHOSTUNREACH, ECONNREFUSED): told once, and no answer.
      if (typeof packet !== "number" && this.#isReply(packet)) answered = true;
    }
    return answered;
  }

  close(): void {
    this.#forget(this.fd);
    system.close(this.fd);
  }

  #isReply(packet: Uint8Array): boolean {
    const at = this.#kind === V4 ? ((packet[0] ?? 0) & 15) * 4 : 0;
    const sequence = get(packet, at + 6);
    return (
      packet.length >= at + HEADER &&
      packet[at] === this.#kind.reply &&
      get(packet, at + 4) === get(this.#request, 4) &&
      ((this.#sent - sequence) & 0xffff) < this.#sent
    );
  }
}

/** Network byte order. */
function get(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0);
}

function put(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >> 8;
  bytes[at + 1] = value;
}

/** RFC 1071. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += get(bytes, at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}
