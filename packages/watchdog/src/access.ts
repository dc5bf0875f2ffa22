/** An access to a device's registers as the device sees it: within its range, aligned, of a width that it can take. */

/** Bytes. */
export type Width = 1 | 2 | 4;

/** An access that no bus hands to a device (bus.ts cuts what a processor does into ones that it may). */
export class AccessError extends Error {
  readonly code = "BERNARD_ACCESS";

  constructor(what: string, why: string) {
    super(`${what}: ${why}`);
    this.name = "AccessError";
  }
}

/** Throws where an access does not fit into `size` bytes of registers. */
export function checkAccess(what: string, size: number, offset: number, width: number): void {
  // One test for the many that are right; the wrong ones are told apart afterwards.
  const known = width === 1 || width === 2 || width === 4;
  if (known && offset >>> 0 === offset && (offset & (width - 1)) === 0 && offset < size) return;
  const access = `${what} of ${width} bytes at 0x${offset.toString(16)}`;
  if (!known) throw new AccessError(access, "the widths are 1, 2 and 4");
  if (offset >>> 0 !== offset || offset >= size) {
    throw new AccessError(access, `the registers end at 0x${(size - 1).toString(16)}`);
  }
  throw new AccessError(access, `not aligned to ${width} bytes`);
}
