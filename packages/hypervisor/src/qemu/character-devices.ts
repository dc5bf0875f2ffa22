/** The guest's serial ports and channels, and the host's ends of them. */
import { once } from "node:events";
import { connect } from "node:net";
import { isAbsolute } from "node:path";
import type { Duplex } from "node:stream";
import { printable } from "@bernard/protocol";
import { errorCode } from "@bernard/tools";
import { HypervisorError } from "../errors.ts";
import type { Monitor } from "../fire-mark.ts";
import type { Channel } from "../hypervisor.ts";
import { objectsIn, type QemuObject } from "./object-model.ts";
import { recordsOf, textOf } from "./qmp-values.ts";

/** A back end of QEMU's: where the host's end of a port is. */
interface CharacterDevice {
  readonly label: string;
  /** `disconnected:unix:/run/vm/serial,server=on`, `pty:/dev/pts/3`, `file`... */
  readonly address: string;
  /** Whether the guest has its end open. */
  readonly open: boolean | undefined;
}

/** The devices that can be a first serial port, by machine. */
const SERIAL = new Set(["isa-serial", "pl011", "sclpconsole", "spapr-vty", "virtconsole"]);

const PLUGGED = ["/machine/peripheral", "/machine/peripheral-anon"];

/** Every virtio-serial port with a name, and its back end. */
export async function channelsOf(
  ask: Monitor,
): Promise<(Channel & { readonly device: CharacterDevice | undefined })[]> {
  const [objects, devices] = await Promise.all([objectsIn(ask, PLUGGED), characterDevices(ask)]);
  const ports = objects.filter(({ type }) => type === "virtserialport");
  const channels = await Promise.all(
    ports.map(async (port) => {
      const [name, label] = await Promise.all([property(ask, port, "name"), property(ask, port, "chardev")]);
      const device = devices.find((each) => each.label === label);
      return { name: textOf(name) ?? "", open: device?.open, device };
    }),
  );
  return channels.filter(({ name }) => name !== "");
}

/** The back end of the first serial port; `logged` where it is a file itself. */
export async function consoleDevice(
  ask: Monitor,
): Promise<(CharacterDevice & { readonly logged: true | undefined }) | undefined> {
  const [objects, devices] = await Promise.all([
    objectsIn(ask, [...PLUGGED, "/machine/unattached"]),
    characterDevices(ask),
  ]);
  const ports = await Promise.all(
    objects
      .filter(({ type }) => SERIAL.has(type))
      .map(async (port) => ({
        label: await property(ask, port, "chardev"),
        index: port.type === "isa-serial" ? Number(await property(ask, port, "index")) : 0,
      })),
  );
  const first = ports.toSorted((one, other) => one.index - other.index)[0];
  const device = devices.find(({ label }) => label === first?.label);
  return device && { ...device, logged: /^file\b/.test(device.address) ? true : undefined };
}

/**
 * Connects to the host's end.
 * @param what for messages: `console of web1`
 * @throws HypervisorError; the signal's reason
 */
export async function openDevice(
  what: string,
  device: CharacterDevice | undefined,
  signal: AbortSignal,
): Promise<Duplex> {
  if (device === undefined) throw failure("unsupported", what, "the guest has none");
  const [, free, path] = /^(disconnected:)?unix:(.*?),server(?:=on)?$/.exec(device.address) ?? [];
  if (path === undefined || !isAbsolute(path)) {
    const kind = /^[a-z:-]*/.exec(device.address)?.[0].replace(/:$/, "") || "nothing";
    const hint = "give it -chardev socket,path=/...,server=on,wait=off";
    throw failure("unsupported", what, `its other end is ${kind}, not a UNIX socket that QEMU listens at`, { hint });
  }
  if (free === undefined) throw failure("busy", what, "another program is connected to it");
  const socket = connect(path);
  try {
    await once(socket, "connect", { signal });
    return socket;
  } catch (error) {
    socket.on("error", () => {}).destroy();
    if (signal.aborted) throw signal.reason;
    const code = errorCode(error);
    if (code === "EAGAIN") throw failure("busy", what, "others wait for it already");
    const kind = code === "EACCES" ? "denied" : "unreachable";
    const hint = "run this as the user who started that QEMU, or as root";
    throw failure(kind, what, `no connection to ${path}`, { cause: error, ...(kind === "denied" && { hint }) });
  }
}

const failure = (
  kind: HypervisorError["kind"],
  what: string,
  why: string,
  options: { hint?: string; cause?: unknown } = {},
) => new HypervisorError(kind, printable(`${what}: ${why}`), options);

async function characterDevices(ask: Monitor): Promise<CharacterDevice[]> {
  return recordsOf(await ask("query-chardev")).map(({ label, filename, "frontend-open": open }) => ({
    label: textOf(label) ?? "",
    address: textOf(filename) ?? "",
    open: typeof open === "boolean" ? open : undefined,
  }));
}

/** Undefined where the device has no such property, or is gone meanwhile. */
const property = (ask: Monitor, { path }: QemuObject, name: string): Promise<unknown> =>
  ask("qom-get", { path, property: name }).catch(() => undefined);
