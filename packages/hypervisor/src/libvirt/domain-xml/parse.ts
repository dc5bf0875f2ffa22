/**
 * Reads what matters to a rescue out of a domain's XML, and where it stands in it.
 * Reference: https://libvirt.org/formatdomain.html
 */
import { isQ35, WATCHDOG_ACTIONS, WATCHDOG_MODELS, type WatchdogAction } from "@bernard/policy";
import { parseXml, type XmlElement, XmlError } from "@rgrove/parse-xml";
import { HypervisorError } from "../../errors.ts";
import type { Channel, Hardware, Owner, Watchdog } from "../../hypervisor.ts";
import { type AcpiTable, tablesOf } from "./acpi-table.ts";
import { argumentsOf, type CommandLine } from "./command-line.ts";
import { child, children, elements, qualified } from "./elements.ts";

export interface DomainXml {
  /** What was parsed; offsets of elements are places in it. */
  readonly source: string;
  readonly name: string;
  readonly hardware: Hardware;
  readonly root: XmlElement;
  readonly os: XmlElement | undefined;
  /** Whether its `<features>` have `<acpi/>`: without, QEMU tells it of no table. */
  readonly acpi: boolean;
  readonly commandLine: CommandLine;
  readonly tables: readonly AcpiTable[];
  /** `<devices>`, as libvirt always writes it. */
  readonly devices: XmlElement;
  /** Each `<watchdog>`: the declared and the implicit ones. */
  readonly watchdogs: readonly XmlElement[];
  /** Each `<channel>` that has a name. */
  readonly channels: readonly (Channel & { readonly element: XmlElement })[];
}

/** Longest string that libvirt sends (REMOTE_STRING_MAX). */
const MAX_LENGTH = 4 * 1024 * 1024;

const LIBOSINFO_NAMESPACE = "http://libosinfo.org/xmlns/libvirt/domain/1.0";

/** Whose metadata begins so owns the guest; a version may follow. */
const OWNERS = [
  ["http://openstack.org/xmlns/libvirt/nova/", "nova"],
  ["http://ovirt.org/vm/", "ovirt"],
  ["http://kubevirt.io", "kubevirt"],
] as const satisfies readonly (readonly [string, Owner["name"]])[];

/** @throws HypervisorError `failed` where it is no domain's XML */
export function parseDomain(source: string): DomainXml {
  const root = parsed(source);
  if (root.name !== "domain") throw bad(`its root is <${root.name}>, not <domain>`);
  const devices = child(root, "devices");
  if (devices === undefined || source.endsWith("/>", devices.end)) throw bad("it has no <devices>...</devices>");
  const os = child(root, "os");
  const type = child(os, "type")?.attributes;
  const machine = type?.machine ?? "";
  const watchdogs = children(devices, "watchdog");
  const channels = children(devices, "channel").flatMap((element) => {
    const target = child(element, "target")?.attributes;
    const name = target?.name;
    return name === undefined ? [] : [{ name, open: OPEN[target?.state ?? ""], element }];
  });
  const commandLine = argumentsOf(root);
  const tables = tablesOf(os, commandLine);
  const outside = outsideLibvirt(commandLine, machine, watchdogs);
  const all = [...watchdogs.map((element) => declared(element, machine)), ...outside.watchdogs];
  const metadata = elements(child(root, "metadata"));
  return {
    source,
    root,
    os,
    acpi: child(child(root, "features"), "acpi") !== undefined,
    commandLine,
    tables,
    name: child(root, "name")?.text ?? "",
    devices,
    watchdogs,
    channels,
    hardware: {
      architecture: type?.arch ?? "",
      machine,
      watchdogs: tables.some(({ ours }) => ours) ? all.map(withTable) : all,
      action: actionOf(watchdogs, outside),
      channels: channels.map(({ name, open }) => ({ name, open })),
      consoleLogged: isLogged(child(devices, "serial") ?? child(devices, "console")),
      os: osOf(metadata),
      owner: ownerOf(metadata),
    },
  };
}

/** A guest without a serial port logs nothing. */
const isLogged = (port: XmlElement | undefined): boolean =>
  port?.attributes.type === "file" || child(port, "log") !== undefined;

const OPEN: Readonly<Record<string, boolean | undefined>> = { connected: true, disconnected: false };

/** libvirt writes no raw carriage return, and many of them take the parser hours; a blank keeps each offset where it is. */
function parsed(source: string): XmlElement {
  if (source.length > MAX_LENGTH) throw bad(`it is longer than ${MAX_LENGTH} characters`);
  try {
    return parseXml(source.replaceAll("\r", " "), { includeOffsets: true }).root!;
  } catch (error) {
    if (error instanceof XmlError) throw bad(error.message.split("\n")[0]!, error);
    if (error instanceof RangeError) throw bad("its elements are nested too deep", error); // the parser's stack
    throw error;
  }
}

function bad(what: string, cause?: Error): HypervisorError {
  return new HypervisorError("failed", `the guest's XML cannot be read: ${what}`, {
    hint: "look at it with virsh dumpxml",
    cause,
  });
}

/** Since 9.1 libvirt writes q35's iTCO into the XML of each such guest, whoever declared it; no other machine has one. */
function declared({ attributes: { model = "" } }: XmlElement, machine: string): Watchdog {
  return { model, origin: model === "itco" && isQ35(machine) ? "implicit" : "declared" };
}

/** What a guest is told of by our table is the machine's own timer. */
const withTable = (watchdog: Watchdog): Watchdog =>
  watchdog.model === "itco" ? { ...watchdog, model: "wdat" } : watchdog;

interface Outside {
  readonly watchdogs: readonly Watchdog[];
  readonly action: string | undefined;
}

/** What QEMU has and libvirt does not know of: by `qemu:commandline`, or by the machine where libvirt is older than 9.1. */
function outsideLibvirt({ args, noReboot }: CommandLine, machine: string, known: readonly XmlElement[]): Outside {
  const watchdogs: Watchdog[] = [];
  let action: string | undefined;
  // Up to pc-q35-7.2 the iTCO's strap makes it do nothing; libvirt before 9.1 leaves it as it is.
  const itcoActs = noReboot === undefined ? Number(/^pc-q35-(\d+)\./.exec(machine)?.[1]) >= 8 : !noReboot;
  for (const [place, { value: option }] of args.entries()) {
    const value = args[place + 1]?.value ?? "";
    if (/^--?(device|watchdog)$/.test(option)) {
      const model = WATCHDOG_MODELS.find((each) => each === driverOf(value));
      if (model !== undefined) watchdogs.push({ model, origin: "outside" });
    } else if (/^--?watchdog-action$/.test(option)) action = value;
    else if (/^--?action$/.test(option)) action = /(?:^|,)watchdog=([^,]*)/.exec(value)?.[1] ?? action;
  }
  const written = known.some((each) => each.attributes.model === "itco");
  if (isQ35(machine) && itcoActs && !written) watchdogs.push({ model: "itco", origin: "outside" });
  return { watchdogs, action };
}

/** `ib700` of `ib700,id=wd`, `driver=ib700`, `{"driver":"ib700"}`. */
function driverOf(device: string): string | undefined {
  if (!device.startsWith("{")) return device.split(",")[0]!.replace(/^driver=/, "");
  try {
    return String((JSON.parse(device) as { driver?: unknown }).driver);
  } catch {
    return undefined; // QEMU refuses it too
  }
}

/** One for all devices. QEMU takes the last that its command line names, and libvirt puts what comes from outside last. */
function actionOf(watchdogs: readonly XmlElement[], outside: Outside): WatchdogAction | undefined {
  if (watchdogs.length + outside.watchdogs.length === 0) return undefined;
  const action = outside.action ?? watchdogs[0]?.attributes.action ?? "reset";
  return WATCHDOG_ACTIONS.find((each) => each === action);
}

function osOf(metadata: readonly XmlElement[]): string | undefined {
  for (const element of metadata) {
    if (qualified(element).namespace !== LIBOSINFO_NAMESPACE) continue;
    const os = elements(element).find((each) => qualified(each).name === "os")?.attributes.id;
    if (os !== undefined) return os;
  }
  return undefined;
}

function ownerOf(metadata: readonly XmlElement[]): Owner | undefined {
  for (const { namespace } of metadata.map(qualified)) {
    const owner = OWNERS.find(([start]) => namespace.startsWith(start));
    if (owner !== undefined) return { name: owner[1], mark: `its XML has metadata of ${namespace}` };
  }
  return undefined;
}
