/**
 * Job: whether a block device can be read. Blocks all over it are read past the guest's cache (O_DIRECT), at places that are others each
 * time, so that a host's cache has them rarely.
 */
import * as abi from "../abi.ts";
import * as system from "../system.ts";
import type { JobTask } from "./job.ts";

const PLACES = 8;

/** A write of the file system's that has failed before is reported, once, to whoever reads next: it says nothing of this read. */
const TRIES = 4;

/** Bytes: a multiple of every sector size. */
const BLOCK = 4096;

/** Bytes to which the engine aligns an array's memory, and its own memory lies at least as well. */
const FINEST = 8;

export const readDevice: JobTask = (name = "") => {
  const fd = system.open(`/dev/${name.replaceAll("!", "/")}`, abi.O_RDONLY | abi.O_DIRECT);
  if (fd < 0) return { status: -fd, output: "" };
  const sized = system.ioctl(fd, abi.BLKGETSIZE64);
  if (sized < 0) return { status: -sized, output: "" };
  const blocks = Math.floor(system.unsigned64(0) / BLOCK);
  const share = Math.floor(blocks / PLACES);
  if (share === 0) return { status: abi.EINVAL, output: "" };
  const memory = new Uint8Array(2 * BLOCK);
  // A microsecond's digits tell the reads of two jobs apart: each job's process starts with the same random numbers.
  const seed = Math.floor(now() * 1000);
  let status = abi.EINVAL;
  for (let place = 0; place < PLACES; place++) {
    const block = place * share + ((seed * (place + 1)) % share);
    for (let tries = 0; tries === 0 || (status !== 0 && tries < TRIES); tries++) {
      status = readAligned(fd, memory, block * BLOCK);
    }
    if (status !== 0) break;
  }
  return { status, output: "" };
};

/** Where in `memory` the device takes a block's address; found at the first read. */
let shift = 0;

/** 0, or an errno: EINVAL where no address is good enough. */
function readAligned(fd: number, memory: Uint8Array, offset: number): number {
  for (; shift < BLOCK; shift += FINEST) {
    const result = system.readInto(fd, memory.subarray(shift, shift + BLOCK), offset);
    if (result !== -abi.EINVAL) return -Math.min(result, 0);
  }
  return abi.EINVAL;
}
