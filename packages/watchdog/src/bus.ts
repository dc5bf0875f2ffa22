/**
 * How a processor's accesses reach the devices: cut into pieces that a device can take, as QEMU's memory core cuts them, or to
 * nobody. Here nothing that a guest does is an error.
 */
import type { Width } from "./access.ts";
import type { I6300esb } from "./i6300esb.ts";
import type { Ib700 } from "./ib700.ts";
import type { Itco } from "./itco.ts";

/** Bytes of a processor's access. */
export type BusWidth = 1 | 2 | 4 | 8;

const MEMORY_SIZE = 0x10;
const IB700_FIRST = 0x441;
const IB700_LAST = 0x444;
/** PMBASE, where SeaBIOS and OVMF put it, and the timer's place behind it. */
export const ITCO_FIRST = 0x600 + 0x60;
const ITCO_LAST = ITCO_FIRST + 0x1f;
/** RCBA, where both put it, and GCS behind it. */
export const ITCO_CONTROL = 0xfed1_c000 + 0x3410;
const ITCO_CONTROL_SIZE = 4;

export class Bus {
  readonly #pci: I6300esb | undefined;
  readonly #isa: Ib700 | undefined;
  readonly #chipset: Itco | undefined;

  constructor(devices: { readonly i6300esb?: I6300esb; readonly ib700?: Ib700; readonly itco?: Itco }) {
    this.#pci = devices.i6300esb;
    this.#isa = devices.ib700;
    this.#chipset = devices.itco;
  }

  writeMemory(address: number, width: BusWidth, value: bigint): void {
    for (const piece of pieces(address, width, 4)) {
      const written = part(value, piece.address - address, piece.width);
      if (isControl(piece.address)) this.#chipset?.writeControl(piece.address - ITCO_CONTROL, piece.width, written);
      else {
        const offset = this.#memoryOffset(piece.address);
        if (offset !== undefined) this.#pci?.writeMemory(offset, piece.width, written);
      }
    }
  }

  /** What nobody decodes reads as zero. */
  readMemory(address: number, width: BusWidth): bigint {
    let value = 0n;
    for (const piece of pieces(address, width, 4)) {
      value |= BigInt(this.#readMemoryPiece(piece)) << BigInt(8 * (piece.address - address));
    }
    return value;
  }

  /** Through ports 0xcf8 and 0xcfc: what would reach beyond its four bytes is lost there. */
  writeConfig(offset: number, width: Width, value: number): void {
    for (const piece of pieces(offset, width, 4)) {
      if (piece.address >> 2 !== offset >> 2 || this.#isGone()) continue;
      this.#pci?.writeConfig(piece.address, piece.width, part(BigInt(value), piece.address - offset, piece.width));
    }
  }

  readConfig(offset: number, width: Width): number {
    let value = 0n;
    for (const piece of pieces(offset, width, 4)) {
      const inside = piece.address >> 2 === offset >> 2 && !this.#isGone();
      const read = inside ? this.#pci!.readConfig(piece.address, piece.width) : 2 ** (8 * piece.width) - 1;
      value |= BigInt(read) << BigInt(8 * (piece.address - offset));
    }
    return Number(value);
  }

  /** For the ib700 words may lie anywhere, and double words are for nobody. */
  writePort(port: number, width: Width, value: number): void {
    if (port >= IB700_FIRST && port <= IB700_LAST) {
      if (width !== 4) this.#isa?.write(port, width, value);
      return;
    }
    for (const piece of pieces(port, width, 2)) {
      if (!isItco(piece.address)) continue;
      this.#chipset?.write(
        piece.address - ITCO_FIRST,
        piece.width,
        part(BigInt(value), piece.address - port, piece.width),
      );
    }
  }

  readPort(port: number, width: Width): number {
    let value = 0n;
    for (const piece of pieces(port, width, 2)) {
      const read = isItco(piece.address) ? this.#chipset?.read(piece.address - ITCO_FIRST, piece.width) : undefined;
      value |= BigInt(read ?? 2 ** (8 * piece.width) - 1) << BigInt(8 * (piece.address - port));
    }
    return Number(value);
  }

  #readMemoryPiece({ address, width }: Piece<Width>): number {
    if (isControl(address)) return this.#chipset?.readControl(address - ITCO_CONTROL, width) ?? 0;
    const offset = this.#memoryOffset(address);
    return offset === undefined ? 0 : this.#pci!.readMemory(offset, width);
  }

  #isGone(): boolean {
    return this.#pci?.removed ?? true;
  }

  #memoryOffset(address: number): number | undefined {
    const base = this.#pci?.bar0;
    return base !== undefined && address >= base && address < base + MEMORY_SIZE ? address - base : undefined;
  }
}

function isControl(address: number): boolean {
  return address >= ITCO_CONTROL && address < ITCO_CONTROL + ITCO_CONTROL_SIZE;
}

function isItco(port: number): boolean {
  return port >= ITCO_FIRST && port <= ITCO_LAST;
}

interface Piece<W extends Width> {
  readonly address: number;
  readonly width: W;
}

/** The largest pieces that the device takes, each aligned to its own width, in rising order. */
function pieces(address: number, width: BusWidth, most: 2): Piece<1 | 2>[];
function pieces(address: number, width: BusWidth, most: 4): Piece<Width>[];
function pieces(address: number, width: BusWidth, most: 2 | 4): Piece<Width>[] {
  const cut: Piece<Width>[] = [];
  for (let at = address, left: number = width; left > 0; ) {
    const piece: Width = most === 4 && at % 4 === 0 && left >= 4 ? 4 : at % 2 === 0 && left >= 2 ? 2 : 1;
    cut.push({ address: at, width: piece });
    at += piece;
    left -= piece;
  }
  return cut;
}

function part(value: bigint, from: number, width: Width): number {
  return Number(BigInt.asUintN(8 * width, value >> BigInt(8 * from)));
}
