/**
 * Plugs our devices into v86 from outside: ports, PCI configuration and memory reach the models, exact to the width.
 *
 * v86 keeps a device's configuration as plain words and tells nobody of writes, so the ports of the configuration mechanism are
 * taken over for our device's address, and only for that. Memory comes as single bytes and as 32 bits: two bytes of one word are
 * joined again, which leaves no way to see a real access of one byte. No driver makes one.
 */
import type { I6300esb, Ib700 } from "../src/index.ts";

type Read = (address: number) => number;
type Write = (address: number, value: number) => void;

interface Port {
  read8: Read;
  read16: Read;
  read32: Read;
  write8: Write;
  write16: Write;
  write32: Write;
  device: unknown;
}

/** What v86's builds leave of their inner names, besides v86.d.ts; pinned with the version in package.json. */
export interface Cpu {
  readonly io: {
    readonly ports: readonly Port[];
    register_read(port: number, device: unknown, r8?: Read, r16?: Read, r32?: Read): void;
    register_write(port: number, device: unknown, w8?: Write, w16?: Write, w32?: Write): void;
    mmap_register(address: number, size: number, r8: Read, w8: Write, r32: Read, w32: Write): void;
  };
  readonly devices: { readonly pci: { readonly pci_addr: Uint8Array } };
}

/** A place on the bus that v86 leaves free. */
const DEVICE_NUMBER = 0x0f;
const CONFIG_ADDRESS_ENABLE = 0x80;
const CONFIG_DATA = 0xcfc;

/** v86 hands out memory in blocks. */
const BLOCK = 0x2_0000;

const IB700_PORTS = [0x441, 0x442, 0x443, 0x444] as const;

/** @param before is called before each access, for time to catch up */
export function attachIb700(cpu: Cpu, ib700: Ib700, before: () => void): void {
  for (const port of IB700_PORTS) {
    const write =
      (width: 1 | 2) =>
      (...[value]: number[]) => {
        before();
        ib700.write(port, width, value!);
      };
    cpu.io.register_write(port, ib700, write(1), write(2));
  }
}

/** @returns to be called when the device's state has been restored, which may have moved its memory */
export function attachI6300esb(cpu: Cpu, device: I6300esb, before: () => void): () => void {
  let mapped: number | undefined;
  const map = () => {
    const base = device.bar0;
    if (base === undefined || base === mapped) return;
    mapped = base;
    mapMemory(cpu, device, base - (base % BLOCK), before);
  };
  for (let byte = 0; byte < 4; byte++) {
    const port = cpu.io.ports[CONFIG_DATA + byte]!;
    const offset = () => configOffset(cpu, byte);
    const read = (width: 1 | 2 | 4, other: Read) => (address: number) => {
      const at = offset();
      if (at === undefined) return other.call(port.device, address);
      before();
      return device.readConfig(at, width) | 0;
    };
    const write = (width: 1 | 2 | 4, other: Write) => (value: number, unused: number) => {
      const at = offset();
      if (at === undefined) {
        other.call(port.device, value, unused);
        return;
      }
      before();
      device.writeConfig(at, width, unsigned(value, width));
      map();
    };
    port.read8 = read(1, port.read8);
    port.write8 = write(1, port.write8);
    if (byte % 2 === 0) {
      port.read16 = read(2, port.read16);
      port.write16 = write(2, port.write16);
    }
    if (byte === 0) {
      port.read32 = read(4, port.read32);
      port.write32 = write(4, port.write32);
    }
  }
  return map;
}

/** Where in our device's configuration the guest points to, or undefined for another's. */
function configOffset(cpu: Cpu, byte: number): number | undefined {
  const [register, deviceAndFunction, bus, enable] = cpu.devices.pci.pci_addr;
  const ours = bus === 0 && deviceAndFunction === DEVICE_NUMBER << 3 && (enable! & CONFIG_ADDRESS_ENABLE) !== 0;
  return ours ? (register! & 0xfc) + byte : undefined;
}

function mapMemory(cpu: Cpu, device: I6300esb, block: number, before: () => void): void {
  /** The device's offset, if the access is to it: a block is far larger. */
  const offsetOf = (address: number): number | undefined => {
    const offset = (address >>> 0) - (device.bar0 ?? Number.POSITIVE_INFINITY);
    return offset >= 0 && offset < 0x10 ? offset : undefined;
  };
  let low = 0;
  cpu.io.mmap_register(
    block,
    BLOCK,
    (address) => {
      const offset = offsetOf(address);
      if (offset === undefined) return 0xff;
      before();
      return (device.readMemory(offset & ~1, 2) >> (8 * (offset & 1))) & 0xff;
    },
    (address, value) => {
      const offset = offsetOf(address);
      if (offset === undefined) return;
      if (offset % 2 === 0) low = value;
      else {
        before();
        device.writeMemory(offset - 1, 2, low | (value << 8));
      }
    },
    (address) => {
      const offset = offsetOf(address);
      if (offset === undefined) return -1;
      before();
      return device.readMemory(offset, 4) | 0;
    },
    (address, value) => {
      const offset = offsetOf(address);
      if (offset === undefined) return;
      before();
      device.writeMemory(offset, 4, value >>> 0);
    },
  );
}

function unsigned(value: number, width: 1 | 2 | 4): number {
  return width === 4 ? value >>> 0 : value & (2 ** (8 * width) - 1);
}
