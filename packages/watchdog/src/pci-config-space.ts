/**
 * The 256 bytes of a conventional PCI device's configuration, as QEMU keeps them: a type 0 header with one memory BAR, and
 * behind it bytes that are storage only. PCI Local Bus Specification 3.0, chapter 6.
 */
import { checkAccess, type Width } from "./access.ts";

export const CONFIG_SIZE = 0x100;

const VENDOR_ID = 0x00; // RO, 16 bits
const DEVICE_ID = 0x02; // RO, 16 bits
const COMMAND = 0x04; // RW as far as COMMAND_MASK goes, 16 bits
const STATUS = 0x06; // RW1C, 16 bits
const CLASS = 0x0a; // RO, 16 bits
const CACHE_LINE_SIZE = 0x0c; // RW
const BAR0 = 0x10; // RW as far as the BAR's size lets it, 32 bits
const SUBSYSTEM_VENDOR_ID = 0x2c; // RO, 16 bits
const SUBSYSTEM_ID = 0x2e; // RO, 16 bits
const INTERRUPT_LINE = 0x3c; // RW
const HEADER_SIZE = 0x40;

const COMMAND_MEMORY = 0x0002;
/** I/O, memory, bus master, SERR#, interrupt disable. */
const COMMAND_MASK = 0x0507;
/** Errors that the device would report; it reports none, so there is nothing to clear. */
const STATUS_WRITE_ONE_TO_CLEAR = 0xf900;

export interface PciIdentity {
  readonly vendor: number;
  readonly device: number;
  readonly class: number;
  readonly subsystemVendor: number;
  readonly subsystem: number;
  /** Bytes behind BAR0, a power of two. */
  readonly barSize: number;
}

export class PciConfigSpace {
  readonly #identity: PciIdentity;
  readonly #bytes = new Uint8Array(CONFIG_SIZE);
  readonly #view = new DataView(this.#bytes.buffer);
  readonly #writable = new Uint8Array(CONFIG_SIZE);
  readonly #clearable = new Uint8Array(CONFIG_SIZE);

  constructor(identity: PciIdentity) {
    this.#identity = identity;
    this.#view.setUint16(VENDOR_ID, identity.vendor, true);
    this.#view.setUint16(DEVICE_ID, identity.device, true);
    this.#view.setUint16(CLASS, identity.class, true);
    this.#view.setUint16(SUBSYSTEM_VENDOR_ID, identity.subsystemVendor, true);
    this.#view.setUint16(SUBSYSTEM_ID, identity.subsystem, true);
    const writable = new DataView(this.#writable.buffer);
    writable.setUint16(COMMAND, COMMAND_MASK, true);
    writable.setUint8(CACHE_LINE_SIZE, 0xff);
    writable.setUint32(BAR0, -identity.barSize, true);
    writable.setUint8(INTERRUPT_LINE, 0xff);
    this.#writable.fill(0xff, HEADER_SIZE);
    new DataView(this.#clearable.buffer).setUint16(STATUS, STATUS_WRITE_ONE_TO_CLEAR, true);
  }

  read(offset: number, width: Width): number {
    checkAccess("read of the configuration", CONFIG_SIZE, offset, width);
    if (width === 1) return this.#view.getUint8(offset);
    return width === 2 ? this.#view.getUint16(offset, true) : this.#view.getUint32(offset, true);
  }

  write(offset: number, width: Width, value: number): void {
    checkAccess("write to the configuration", CONFIG_SIZE, offset, width);
    for (let i = offset, rest = value; i < offset + width; i++, rest >>>= 8) {
      const kept = this.#bytes[i]! & ~this.#writable[i]!;
      this.#bytes[i] = (kept | (rest & this.#writable[i]!)) & ~(rest & this.#clearable[i]!);
    }
  }

  /** Where BAR0 lies in memory; undefined while memory is disabled, or where no BAR can lie: at 0 and at the very end. */
  get bar0(): number | undefined {
    if ((this.#view.getUint16(COMMAND, true) & COMMAND_MEMORY) === 0) return undefined;
    const base = this.#view.getUint32(BAR0, true);
    return base === 0 || base + this.#identity.barSize > 0xffff_ffff ? undefined : base;
  }

  /** What a bus reset clears. Everything behind the header stays. */
  reset(): void {
    this.#view.setUint16(COMMAND, 0, true);
    this.#view.setUint8(CACHE_LINE_SIZE, 0);
    this.#view.setUint32(BAR0, 0, true);
    this.#view.setUint8(INTERRUPT_LINE, 0);
  }

  bytes(): Uint8Array {
    return this.#bytes.slice();
  }

  /** Takes saved bytes, all of them: what no guest can write is as it was saved. */
  restore(bytes: Uint8Array): void {
    this.#bytes.set(bytes);
  }
}
