/** One call at a time to a daemon and back, and all guests with their states, beside python3-libvirt on the same socket. */
import { type Measurement, median } from "@bernard/tools";
import type { Libvirt } from "../src/libvirt/index.ts";
import type { Peer } from "./peer.ts";

/** Pairs of ours and the peer's, right after each other. */
const PAIRS = 500;
/** Calls in one of a pair. */
const CALLS = 20;
/** Calls before the first pair, for both: what runs for months is compiled. */
const WARM_UP = 5_000;

export async function measureCall(libvirt: Libvirt, peer: Peer): Promise<Measurement[]> {
  const ourTime = async (count: number) => {
    const start = performance.now();
    for (let i = 0; i < count; i++) await libvirt.call("connectGetLibVersion", {});
    return (performance.now() - start) / count;
  };
  await ourTime(WARM_UP);
  await peer.time("call", WARM_UP);
  const pairs: (readonly [number, number])[] = [];
  for (let i = 0; i < PAIRS; i++) pairs.push([await ourTime(CALLS), await peer.time("call", CALLS)]);
  return [
    {
      what: "a call and its reply",
      unit: "µs",
      ours: 1000 * median(pairs.map(([ours]) => ours)),
      peer: 1000 * median(pairs.map(([, theirs]) => theirs)),
      ratio: median(pairs.map(([ours, theirs]) => ours / theirs)),
      timesPeer: 1.2,
    },
  ];
}

/** How often all guests are listed. */
const LISTINGS = 30;

export async function measureListing(libvirt: Libvirt, peer: Peer, guests: number): Promise<Measurement[]> {
  const ours: number[] = [];
  const theirs: number[] = [];
  const oneByOne: number[] = [];
  for (let i = 0; i < LISTINGS; i++) {
    const start = performance.now();
    const found = await libvirt.domains();
    ours.push(performance.now() - start);
    if (found.length !== guests) throw new Error(`${found.length} guests of ${guests} listed`);
    theirs.push(await peer.time("list", 1));
    oneByOne.push(await peer.time("list-one-by-one", 1));
  }
  const row = { what: `${guests} guests with their states`, unit: "ms", ours: median(ours) };
  return [
    { ...row, peer: median(theirs), limit: 100 },
    { ...row, what: `${row.what}, its listAllDomains`, peer: median(oneByOne) },
  ];
}
