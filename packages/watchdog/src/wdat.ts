/**
 * The Watchdog Action Table (WDAT): an ACPI table that tells an operating system with which register accesses it feeds, starts and
 * stops a watchdog device, so that one driver in its box serves them all. Here it is written from a description and read back.
 *
 * Microsoft, "Hardware Watchdog Timers Design Specification"; ACPI specification 6.5, 5.2.3.2 and 5.2.6.
 */

/** What a driver asks for, by its number in the table. An action is all entries of its name, one after the other. */
const ACTIONS = {
  feed: 1,
  "get remaining": 4,
  "get countdown": 5,
  "set countdown": 6,
  "is running": 8,
  run: 9,
  "is stopped": 10,
  stop: 11,
  "does reboot": 16,
  "set reboot": 17,
  "does shut down": 18,
  "set shutdown": 19,
  "has fired": 32,
  "forget fire": 33,
} as const;

export type WdatAction = keyof typeof ACTIONS;

const INSTRUCTIONS = {
  /** Is the field `value`? */
  "read value": 0,
  "read count": 1,
  /** The field becomes `value`. */
  "write value": 2,
  /** The field becomes the count that the driver hands over. */
  "write count": 3,
} as const;

export type WdatInstruction = keyof typeof INSTRUCTIONS;

/** Of an instruction that writes: the bits beside the field are read first and stay. */
const PRESERVE = 0x80;

const SPACES = { memory: 0, io: 1 } as const;

export interface WdatField {
  readonly space: keyof typeof SPACES;
  readonly address: bigint;
  /** Of the access. */
  readonly bytes: 1 | 2 | 4;
  readonly bitOffset: number;
  readonly bits: number;
}

export interface WdatEntry {
  readonly action: WdatAction;
  readonly instruction: WdatInstruction;
  readonly preserve: boolean;
  readonly field: WdatField;
  /** Counted from the field's first bit, as is `mask`. */
  readonly value: number;
  readonly mask: number;
}

/** Where a device that is a PCI function of its own sits. Linux leaves such tables alone. */
interface WdatPci {
  readonly segment: number;
  readonly bus: number;
  readonly device: number;
  readonly function: number;
}

export interface Wdat {
  /** Who made the table: up to 6, 8 and 4 characters of ASCII. */
  readonly oemId: string;
  readonly oemTableId: string;
  readonly oemRevision: number;
  readonly creatorId: string;
  readonly creatorRevision: number;
  readonly pci: WdatPci | undefined;
  /** Milliseconds of one count. */
  readonly periodMs: number;
  readonly minCount: number;
  readonly maxCount: number;
  readonly enabled: boolean;
  /** Firmware stops the device while the machine sleeps. */
  readonly stoppedInSleep: boolean;
  readonly entries: readonly WdatEntry[];
}

/** A table that no driver could use, or that QEMU would not take. */
export class WdatError extends Error {
  readonly code = "BERNARD_WDAT";

  constructor(why: string) {
    super(`no usable WDAT: ${why}`);
    this.name = "WdatError";
  }
}

// The header that every ACPI table has.
const SIGNATURE = "WDAT";
const LENGTH_AT = 4;
const REVISION_AT = 8;
const CHECKSUM_AT = 9;
const OEM_ID = { at: 10, length: 6 };
const OEM_TABLE_ID = { at: 16, length: 8 };
const OEM_REVISION_AT = 24;
const CREATOR_ID = { at: 28, length: 4 };
const CREATOR_REVISION_AT = 32;
const ACPI_HEADER_SIZE = 36;
const REVISION = 1;

// WDAT's own header, which counts its length without the other's.
const OWN_LENGTH_AT = 36;
const PCI_SEGMENT_AT = 40;
const PCI_BUS_AT = 42;
const PCI_DEVICE_AT = 43;
const PCI_FUNCTION_AT = 44;
const PERIOD_AT = 48;
const MAX_COUNT_AT = 52;
const MIN_COUNT_AT = 56;
const FLAGS_AT = 60;
const ENTRY_COUNT_AT = 64;
const HEADER_SIZE = 68;
const OWN_HEADER_SIZE = HEADER_SIZE - ACPI_HEADER_SIZE;
const NO_PCI = { segment: 0xff, bus: 0xff, device: 0xff, function: 0xff } as const satisfies WdatPci;
const FLAG_ENABLED = 0x01;
const FLAG_STOPPED_IN_SLEEP = 0x80;

// An entry. From SPACE_AT on ACPI's generic address structure.
const ACTION_AT = 0;
const INSTRUCTION_AT = 1;
const SPACE_AT = 4;
const BITS_AT = 5;
const BIT_OFFSET_AT = 6;
const ACCESS_SIZE_AT = 7;
const ADDRESS_AT = 8;
const VALUE_AT = 16;
const MASK_AT = 20;
const ENTRY_SIZE = 24;

/** QEMU's -acpitable has 16 bits for the length. */
const MAX_SIZE = 0xffff;
/** Ports have 16 bits. */
const IO_END = 0x1_0000n;
const MEMORY_END = 1n << 64n;
/** Linux counts in milliseconds of 32 bits. */
const MAX_TIME_MS = 0xffff_ffff;

/** Throws a WdatError where the description makes no table that {@link readWdat} would read back. */
export function writeWdat(wdat: Wdat): Uint8Array {
  const bytes = new Uint8Array(HEADER_SIZE + ENTRY_SIZE * wdat.entries.length);
  const view = new DataView(bytes.buffer);
  checkSize(bytes.length);
  checkWdat(wdat);
  writeText(bytes, "signature", { at: 0, length: 4 }, SIGNATURE);
  view.setUint32(LENGTH_AT, bytes.length, true);
  view.setUint8(REVISION_AT, REVISION);
  writeText(bytes, "OEM id", OEM_ID, wdat.oemId);
  writeText(bytes, "OEM table id", OEM_TABLE_ID, wdat.oemTableId);
  view.setUint32(OEM_REVISION_AT, wdat.oemRevision, true);
  writeText(bytes, "creator id", CREATOR_ID, wdat.creatorId);
  view.setUint32(CREATOR_REVISION_AT, wdat.creatorRevision, true);
  const pci = wdat.pci ?? NO_PCI;
  view.setUint32(OWN_LENGTH_AT, OWN_HEADER_SIZE, true);
  view.setUint16(PCI_SEGMENT_AT, pci.segment, true);
  view.setUint8(PCI_BUS_AT, pci.bus);
  view.setUint8(PCI_DEVICE_AT, pci.device);
  view.setUint8(PCI_FUNCTION_AT, pci.function);
  view.setUint32(PERIOD_AT, wdat.periodMs, true);
  view.setUint32(MAX_COUNT_AT, wdat.maxCount, true);
  view.setUint32(MIN_COUNT_AT, wdat.minCount, true);
  view.setUint8(FLAGS_AT, (wdat.enabled ? FLAG_ENABLED : 0) | (wdat.stoppedInSleep ? FLAG_STOPPED_IN_SLEEP : 0));
  view.setUint32(ENTRY_COUNT_AT, wdat.entries.length, true);
  for (const [i, entry] of wdat.entries.entries()) {
    writeEntry(new DataView(bytes.buffer, HEADER_SIZE + i * ENTRY_SIZE, ENTRY_SIZE), entry);
  }
  bytes[CHECKSUM_AT] = -sum(bytes);
  return bytes;
}

/** Throws a WdatError that says what is wrong with the table. */
export function readWdat(bytes: Uint8Array): Wdat {
  if (bytes.length < HEADER_SIZE) throw new WdatError(`it has ${bytes.length} bytes, a header alone ${HEADER_SIZE}`);
  checkSize(bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const signature = readText(bytes, { at: 0, length: 4 });
  if (signature !== SIGNATURE) throw new WdatError(`its signature is ${JSON.stringify(signature)}, not "${SIGNATURE}"`);
  expect("length", view.getUint32(LENGTH_AT, true), bytes.length);
  if (sum(bytes) !== 0) throw new WdatError(`its bytes add up to ${sum(bytes)}, not 0: the checksum is wrong`);
  expect("revision", view.getUint8(REVISION_AT), REVISION);
  expect("own header's length", view.getUint32(OWN_LENGTH_AT, true), OWN_HEADER_SIZE);
  const count = view.getUint32(ENTRY_COUNT_AT, true);
  const room = (bytes.length - HEADER_SIZE) / ENTRY_SIZE;
  if (count !== room) throw new WdatError(`it names ${count} entries and has room for ${room}`);
  const flags = view.getUint8(FLAGS_AT);
  const wdat = {
    oemId: readText(bytes, OEM_ID),
    oemTableId: readText(bytes, OEM_TABLE_ID),
    oemRevision: view.getUint32(OEM_REVISION_AT, true),
    creatorId: readText(bytes, CREATOR_ID),
    creatorRevision: view.getUint32(CREATOR_REVISION_AT, true),
    pci: readPci(view),
    periodMs: view.getUint32(PERIOD_AT, true),
    minCount: view.getUint32(MIN_COUNT_AT, true),
    maxCount: view.getUint32(MAX_COUNT_AT, true),
    enabled: (flags & FLAG_ENABLED) !== 0,
    stoppedInSleep: (flags & FLAG_STOPPED_IN_SLEEP) !== 0,
    entries: Array.from({ length: count }, (_, i) =>
      readEntry(i, new DataView(bytes.buffer, bytes.byteOffset + HEADER_SIZE + i * ENTRY_SIZE, ENTRY_SIZE)),
    ),
  };
  checkWdat(wdat);
  return wdat;
}

/** The actions that the specification requires, and the one without which no timeout can be chosen. */
const REQUIRED = ["feed", "set countdown", "is running", "run", "is stopped", "stop"] as const satisfies WdatAction[];

/** Why an operating system leaves such a table alone, though nothing in it is wrong. */
export function wdatObstacle({ enabled, pci, entries }: Wdat): string | undefined {
  if (!enabled) return "it says of its device that it is off";
  if (pci !== undefined) return "its device is a PCI function, and Linux leaves such a table alone";
  const lacking = REQUIRED.find((each) => !entries.some(({ action }) => action === each));
  return lacking && `it does not tell how to do "${lacking}"`;
}

function writeEntry(view: DataView, { action, instruction, preserve, field, value, mask }: WdatEntry): void {
  view.setUint8(ACTION_AT, ACTIONS[action]);
  view.setUint8(INSTRUCTION_AT, INSTRUCTIONS[instruction] | (preserve ? PRESERVE : 0));
  view.setUint8(SPACE_AT, SPACES[field.space]);
  view.setUint8(BITS_AT, field.bits);
  view.setUint8(BIT_OFFSET_AT, field.bitOffset);
  view.setUint8(ACCESS_SIZE_AT, Math.log2(field.bytes) + 1);
  view.setBigUint64(ADDRESS_AT, field.address, true);
  view.setUint32(VALUE_AT, value, true);
  view.setUint32(MASK_AT, mask, true);
}

function readEntry(index: number, view: DataView): WdatEntry {
  const coded = view.getUint8(INSTRUCTION_AT);
  return {
    action: nameOf(index, "action", ACTIONS, view.getUint8(ACTION_AT)),
    instruction: nameOf(index, "instruction", INSTRUCTIONS, coded & ~PRESERVE),
    preserve: (coded & PRESERVE) !== 0,
    field: {
      space: nameOf(index, "address space", SPACES, view.getUint8(SPACE_AT)),
      address: view.getBigUint64(ADDRESS_AT, true),
      bytes: accessBytes(index, view.getUint8(ACCESS_SIZE_AT)),
      bitOffset: view.getUint8(BIT_OFFSET_AT),
      bits: view.getUint8(BITS_AT),
    },
    value: view.getUint32(VALUE_AT, true),
    mask: view.getUint32(MASK_AT, true),
  };
}

function readPci(view: DataView): WdatPci | undefined {
  const pci = {
    segment: view.getUint16(PCI_SEGMENT_AT, true),
    bus: view.getUint8(PCI_BUS_AT),
    device: view.getUint8(PCI_DEVICE_AT),
    function: view.getUint8(PCI_FUNCTION_AT),
  };
  const none = (Object.keys(NO_PCI) as (keyof WdatPci)[]).every((part) => pci[part] === NO_PCI[part]);
  return none ? undefined : pci;
}

function checkSize(size: number): void {
  if (size > MAX_SIZE) throw new WdatError(`it is longer than the ${MAX_SIZE} bytes that QEMU takes`);
}

/** What holds of every table, whether it is written or read. */
function checkWdat({ periodMs, minCount, maxCount, entries }: Wdat): void {
  if (periodMs < 1) throw new WdatError("a count takes no time");
  if (minCount > maxCount) throw new WdatError(`its smallest count is ${minCount}, its largest ${maxCount}`);
  if (periodMs * maxCount > MAX_TIME_MS)
    throw new WdatError(`${maxCount} counts of ${periodMs} ms are too long a time`);
  for (const [i, entry] of entries.entries()) checkEntry(i, entry);
}

function checkEntry(index: number, { field, value, mask }: WdatEntry): void {
  const { space, address, bytes, bitOffset, bits } = field;
  const width = 8 * bytes;
  if (bits < 1 || bitOffset + bits > width) {
    throw wrongEntry(index, `${bits} bits from bit ${bitOffset} on are no field of ${width} bits`);
  }
  if (mask >= 2 ** bits) throw wrongEntry(index, `the mask 0x${mask.toString(16)} reaches beyond its ${bits} bits`);
  if (value >= 2 ** bits) throw wrongEntry(index, `the value 0x${value.toString(16)} reaches beyond its ${bits} bits`);
  if (address + BigInt(bytes) > (space === "io" ? IO_END : MEMORY_END)) {
    throw wrongEntry(index, `${bytes} bytes at 0x${address.toString(16)} reach beyond the end of ${space}`);
  }
}

function nameOf<Name extends string>(index: number, what: string, names: Record<Name, number>, code: number): Name {
  const found = (Object.keys(names) as Name[]).find((name) => names[name] === code);
  if (found === undefined) throw wrongEntry(index, `there is no ${what} ${code}`);
  return found;
}

function accessBytes(index: number, size: number): 1 | 2 | 4 {
  if (size === 1 || size === 2 || size === 3) return (2 ** (size - 1)) as 1 | 2 | 4;
  throw wrongEntry(index, `there is no access size ${size}`);
}

function wrongEntry(index: number, why: string): WdatError {
  return new WdatError(`entry ${index + 1}: ${why}`);
}

function expect(what: string, is: number, expected: number): void {
  if (is !== expected) throw new WdatError(`its ${what} is ${is}, not ${expected}`);
}

interface TextField {
  readonly at: number;
  readonly length: number;
}

function writeText(bytes: Uint8Array, what: string, { at, length }: TextField, text: string): void {
  if (!/^[ -~]*$/.test(text) || text.length > length || text.endsWith(" ")) {
    throw new WdatError(`its ${what} ${JSON.stringify(text)} is not up to ${length} characters of ASCII`);
  }
  for (let i = 0; i < length; i++) bytes[at + i] = (text[i] ?? " ").charCodeAt(0);
}

/** What fills a field up are spaces, or zeros where the specification was not read. */
function readText(bytes: Uint8Array, { at, length }: TextField): string {
  return String.fromCharCode(...bytes.subarray(at, at + length)).replace(/[ \0]+$/, "");
}

/** Of all bytes, as a byte. */
function sum(bytes: Uint8Array): number {
  return bytes.reduce((total, byte) => (total + byte) & 0xff, 0);
}
