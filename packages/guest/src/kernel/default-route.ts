/**
 * The gateway of the default route in /proc/net/route (IPv4; the kernel's net/ipv4/fib_trie.c):
 *
 *   Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
 *   eth0	00000000	0202000A	0003	0	0	100	00000000	0	0	0
 */
import { decode } from "../bytes.ts";

const TAB = 9;
const NEWLINE = 10;
const ZERO = 48;

/** Digits of an address. */
const WIDTH = 8;

/** RTF_UP and RTF_GATEWAY. */
const USABLE = 3;

/** Of several, the one with the lowest metric; undefined where there is none, or none through a gateway. */
export function defaultGateway(table: Uint8Array): Uint8Array | undefined {
  let gateway: Uint8Array | undefined;
  let lowest = Number.POSITIVE_INFINITY;
  // The first line is the header, which no address matches.
  for (let start = 0; start < table.length; ) {
    const newline = table.indexOf(NEWLINE, start);
    const end = newline === -1 ? table.length : newline;
    if (isDefault(table, table.indexOf(TAB, start) + 1)) {
      const [, , address = "", flags = "", , , metric = "", mask = ""] = decode(table.subarray(start, end)).split("\t");
      const usable = (Number.parseInt(flags, 16) & USABLE) === USABLE && Number.parseInt(mask, 16) === 0;
      if (usable && Number(metric) < lowest) {
        lowest = Number(metric);
        gateway = parseGateway(address);
      }
    }
    start = end + 1;
  }
  return gateway;
}

function isDefault(table: Uint8Array, at: number): boolean {
  for (let digit = 0; digit < WIDTH; digit++) if (table[at + digit] !== ZERO) return false;
  return true;
}

function parseGateway(digits: string): Uint8Array {
  const bytes = [6, 4, 2, 0].map((at) => Number.parseInt(digits.slice(at, at + 2), 16));
  return new Uint8Array(bytes);
}
