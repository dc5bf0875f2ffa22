/**
 * Whether an i6300esb has fired since a driver was last loaded for it: bits 9 and 12 of its RELOAD register, which the device
 * keeps through its own reset and Linux's driver clears when it finds the device.
 * Reference: QEMU's hw/watchdog/wdt_i6300esb.c; docs/devices.md.
 */

/** Makes a call to QEMU's monitor and resolves to its `return`. */
export type Monitor = (command: string, args?: Readonly<Record<string, unknown>>) => Promise<unknown>;

interface PciDevice {
  readonly id: { readonly vendor: number; readonly device: number };
  readonly regions: readonly { readonly bar: number; readonly address?: number }[];
  readonly pci_bridge?: { readonly devices?: readonly PciDevice[] };
}

const I6300ESB = { vendor: 0x8086, device: 0x25ab };

/** Of the device's memory; told to a read of exactly 16 bits, which has no effect. */
const RELOAD = 0x0c;
const FIRED = 0x1200;

/** Undefined where there is none whose memory is mapped. With several, whether any has. */
export async function fireMark(monitor: Monitor): Promise<boolean | undefined> {
  const buses = (await monitor("query-pci")) as readonly { readonly devices: readonly PciDevice[] }[];
  const marks: boolean[] = [];
  for (const { regions } of buses.flatMap(({ devices }) => devices.flatMap(i6300esbs))) {
    const address = regions.find(({ bar }) => bar === 0)?.address;
    if (address === undefined || !Number.isSafeInteger(address) || address <= 0) continue;
    const line = `xp /1hx 0x${(address + RELOAD).toString(16)}`;
    const [, word] =
      /: (0x[0-9a-f]{4})\s*$/.exec(`${await monitor("human-monitor-command", { "command-line": line })}`) ?? [];
    if (word !== undefined) marks.push((Number(word) & FIRED) !== 0);
  }
  return marks.length === 0 ? undefined : marks.includes(true);
}

/** The device itself, or those behind a bridge. */
function i6300esbs(device: PciDevice): readonly PciDevice[] {
  const { id, pci_bridge } = device;
  const isOne = id.vendor === I6300ESB.vendor && id.device === I6300ESB.device;
  return isOne ? [device] : (pci_bridge?.devices ?? []).flatMap(i6300esbs);
}
