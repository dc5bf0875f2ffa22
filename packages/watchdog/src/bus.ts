/**
 * How a processor's accesses reach the two devices: cut into pieces that a device can take, as QEMU's memory core cuts them, or to
 * nobody. Here nothing that a guest does is an error.
 */
import type { Width } from "./access.ts";
import type { I6300esb } from "./i6300esb.ts";
import type { Ib700 } from "./ib700.ts";

/** Bytes of a processor's access. */
export type BusWidth = 1 | 2 | 4 | 8;

const MEMORY_SIZE = 0x10;
const IB700_FIRST = 0x441;
const IB700_LAST = 0x444;

export class Bus {
  readonly #pci: I6300esb | undefined;
  readonly #isa: Ib700 | undefined;

  constructor(devices: { readonly i6300esb?: I6300esb; readonly ib700?: Ib700 }) {
    this.#pci = devices.i6300esb;
    this.#isa = devices.ib700;
  }

  writeMemory(address: number, width: BusWidth, value: bigint): void {
    for (const piece of pieces(address, width)) {
      const offset = this.#memoryOffset(piece.address);
      if (offset !== undefined)
        this.#pci?.writeMemory(offset, piece.width, part(value, piece.address - address, piece.width));
    }
  }

  /** What nobody decodes reads as zero. */
  readMemory(address: number, width: BusWidth): bigint {
    let value = 0n;
    for (const piece of pieces(address, width)) {
      const offset = this.#memoryOffset(piece.address);
      const read = offset === undefined ? 0 : this.#pci!.readMemory(offset, piece.width);
      value |= BigInt(read) << BigInt(8 * (piece.address - address));
    }
    return value;
  }

  /** Through ports 0xcf8 and 0xcfc: what would reach beyond its four bytes is lost there. */
  writeConfig(offset: number, width: Width, value: number): void {
    for (const piece of pieces(offset, width)) {
      if (piece.address >> 2 !== offset >> 2 || this.#isGone()) continue;
      this.#pci?.writeConfig(
        piece.address,
        piece.width,
        Number(part(BigInt(value), piece.address - offset, piece.width)),
      );
    }
  }

  readConfig(offset: number, width: Width): number {
    let value = 0n;
    for (const piece of pieces(offset, width)) {
      const inside = piece.address >> 2 === offset >> 2 && !this.#isGone();
      const read = inside ? this.#pci!.readConfig(piece.address, piece.width) : 2 ** (8 * piece.width) - 1;
      value |= BigInt(read) << BigInt(8 * (piece.address - offset));
    }
    return Number(value);
  }

  /** Words may lie anywhere, double words are for nobody. */
  writePort(port: number, width: Width, value: number): void {
    if (width !== 4 && port >= IB700_FIRST && port <= IB700_LAST) this.#isa?.write(port, width, value);
  }

  readPort(_port: number, width: Width): number {
    return 2 ** (8 * width) - 1;
  }

  #isGone(): boolean {
    return this.#pci?.removed ?? true;
  }

  #memoryOffset(address: number): number | undefined {
    const base = this.#pci?.bar0;
    return base !== undefined && address >= base && address < base + MEMORY_SIZE ? address - base : undefined;
  }
}

interface Piece {
  readonly address: number;
  readonly width: Width;
}

/** The largest pieces of at most 4 bytes, each aligned to its own width, in rising order. */
function pieces(address: number, width: BusWidth): Piece[] {
  const cut: Piece[] = [];
  for (let at = address, left: number = width; left > 0; ) {
    const piece: Width = at % 4 === 0 && left >= 4 ? 4 : at % 2 === 0 && left >= 2 ? 2 : 1;
    cut.push({ address: at, width: piece });
    at += piece;
    left -= piece;
  }
  return cut;
}

function part(value: bigint, from: number, width: Width): number {
  return Number(BigInt.asUintN(8 * width, value >> BigInt(8 * from)));
}
