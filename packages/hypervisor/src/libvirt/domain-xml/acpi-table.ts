/**
 * The ACPI tables that a domain is given, ours among them: the WDAT by which any system drives q35's own timer.
 * libvirt's `<acpi><table>` takes one since 11.2, as `raw`; before, it would write another signature over it.
 * Reference: https://libvirt.org/formatdomain.html#common-os-element-configuration
 */
import type { XmlElement } from "@rgrove/parse-xml";
import type { CommandLine } from "./command-line.ts";
import { child, children } from "./elements.ts";
import type { DomainXml } from "./parse.ts";

export interface AcpiTable {
  readonly path: string;
  readonly ours: boolean;
  /** What gives it to QEMU, and with ours the strap. */
  readonly elements: readonly XmlElement[];
}

/** How a domain is given a table. */
export interface TableRoad {
  readonly path: string;
  readonly by: "acpi" | "qemu:commandline";
}

/** Where ours lies, below whichever folder. */
export const TABLE_FILE = "bernard/q35.wdat";

/** The machine's strap that silences its timer, off. */
export const STRAP = ["-global", "ICH9-LPC.noreboot=off"] as const;

/** How a libvirt of that version can give one that is no SLIC. */
export function roadOf(version: string | undefined): TableRoad["by"] {
  const [major = 0, minor = 0] = (version ?? "").split(".").map(Number);
  return major > 11 || (major === 11 && minor >= 2) ? "acpi" : "qemu:commandline";
}

/** Those that may be a WDAT: libvirt and QEMU force other signatures on the rest. */
export function tablesOf(os: XmlElement | undefined, { args }: CommandLine): AcpiTable[] {
  const known = children(child(os, "acpi"), "table")
    .filter(({ attributes: { type } }) => type === "raw" || type === "rawset")
    .map((element) => table(element.text.trim(), [element]));
  const outside = args.flatMap(({ value, element }, place) => {
    const option = args[place - 1];
    if (option === undefined || !/^--?acpitable$/.test(option.value)) return [];
    if (/(?:^|,)sig=(?!WDAT)/.test(value)) return [];
    const path = /(?:^|,)(?:file|data)=((?:[^,]|,,)*)/.exec(value)?.[1]?.replaceAll(",,", ",") ?? "";
    const next = args.slice(place + 1, place + 1 + STRAP.length);
    const strap = STRAP.every((each, i) => next[i]?.value === each) ? next : [];
    return [table(path, [option.element, element, ...strap.map((each) => each.element)])];
  });
  return [...known, ...outside];
}

const table = (path: string, elements: readonly XmlElement[]): AcpiTable => ({
  path,
  ours: path.endsWith(`/${TABLE_FILE}`),
  elements,
});

/** Why a guest's q35 could not be driven by our table, as far as its XML tells; PMBASE nobody sees from outside. */
export function tableObstacle({ acpi, tables, commandLine, os }: DomainXml): string | undefined {
  const others = tables.filter(({ ours }) => !ours);
  if (others[0] !== undefined) {
    return `it has an ACPI table already, ${others[0].path}, and of two WDATs a guest looks at the first alone`;
  }
  if (commandLine.ownWdat) {
    return "its qemu:commandline has QEMU make a WDAT of its own, and of two WDATs a guest looks at the first alone";
  }
  if (tables.length > 1) return "it has our ACPI table twice, and a guest looks at the first alone";
  if (!acpi) return "its <features> have no <acpi/>, so no table reaches it";
  if (commandLine.noReboot) return "its qemu:commandline sets noreboot on, with which q35's timer does nothing";
  const firmware = firmwareOf(os, commandLine).find((each) => !KNOWN_FIRMWARE.test(each));
  if (firmware !== undefined) {
    return `its firmware ${firmware} is not known to leave the timer where the table says, as SeaBIOS and OVMF do`;
  }
  return undefined;
}

/** By its file's name. */
const KNOWN_FIRMWARE = /ovmf|edk2|seabios|\/bios(-\w+)?\.bin$/i;

/** Named files; without any it is what QEMU or libvirt bring: SeaBIOS, or OVMF. */
function firmwareOf(os: XmlElement | undefined, { args }: CommandLine): string[] {
  const loader = child(os, "loader")?.text.trim() ?? "";
  const named = args.flatMap(({ value }, place) => {
    const option = args[place - 1]?.value ?? "";
    const isFirmware = /^--?(bios|pflash)$/.test(option) || (/^--?drive$/.test(option) && value.includes("if=pflash"));
    return isFirmware ? [value] : [];
  });
  return loader === "" ? named : [loader, ...named];
}
