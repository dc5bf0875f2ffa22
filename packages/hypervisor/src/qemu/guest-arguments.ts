/** What a guest is made of, and QEMU's command line for it. Reference: qemu-system-x86_64(1). */
import { join } from "node:path";
import type { Accelerator } from "./accelerator.ts";
import type { QmpEvent } from "./qmp-client.ts";

export interface Disk {
  readonly file: string;
  readonly format: "qcow2" | "raw";
  readonly readonly?: boolean;
  /** Reads and writes a second, at most. */
  readonly iopsLimit?: number;
}

/** UEFI firmware as flash images. It boots a bzImage, and no uncompressed kernel. */
export interface Firmware {
  readonly code: string;
  /** The guest's own, which it writes to. */
  readonly variables: string;
}

export interface GuestOptions {
  /** For messages and the process list. */
  readonly name: string;
  /** An existing folder of the caller's for this guest alone; sockets and the console log go there. */
  readonly dir: string;
  readonly kernel: string;
  readonly initrd: string;
  /** The kernel's command line; its console is ttyS0. */
  readonly append: string;
  readonly memoryMib: number;
  readonly cpus: number;
  /** `pc`, the default, has an ISA bus for ib700; `q35` has its chipset's own watchdog, iTCO, armed as on a board. */
  readonly machine?: "pc" | "q35";
  /** Default: QEMU's own BIOS (SeaBIOS). */
  readonly firmware?: Firmware;
  /** Files, each with an ACPI table that the guest gets besides QEMU's own. */
  readonly acpiTables?: readonly string[];
  /** UNIX socket at which it waits for a running guest of the same make, and takes its place; else it boots. */
  readonly incoming?: string;
  /** Become vda, vdb... in this order. */
  readonly disks: readonly Disk[];
  readonly watchdog?: {
    /** `itco`: the one that machine q35 has anyhow. */
    readonly model: "i6300esb" | "ib700" | "itco";
    readonly action: "reset" | "shutdown" | "poweroff" | "pause" | "none" | "inject-nmi";
  };
  /** Names of virtio-serial ports, each with a socket `dir/NAME.sock` that is connected before the guest runs. */
  readonly channels: readonly string[];
  /** A virtio network card on a network of QEMU's own, from which nothing is reached but its gateway 10.0.2.2, which answers echo requests. */
  readonly network?: boolean;
  /** A second serial port (ttyS1) on the socket `dir/shell.sock`, for people. */
  readonly extraSerialSocket?: boolean;
  /** The guest may outlive our process: see `QemuGuest.release`. Without it the kernel ends QEMU when we end. */
  readonly keepRunning?: boolean;
  /** Default: what `pickAccelerator` finds. */
  readonly accelerator?: Accelerator;
  /** Called at each event of QEMU from before the processor runs, so that none of the guest's is missed. */
  readonly onEvent?: (event: QmpEvent) => void;
}

/** Name of the network card in the monitor. */
export const CARD = "card";

/** The file that gets the console. A file, for a console that nobody reads can block the guest. */
export const consolePath = (dir: string): string => join(dir, "console.log");

export const socketPath = (dir: string, name: string): string => join(dir, `${name}.sock`);

/**
 * The processor does not run until `cont`, so that every channel can be connected before the guest writes to it; the
 * monitor is on descriptor 3.
 */
export function guestArguments(options: GuestOptions, accelerator: Accelerator): string[] {
  return [
    ["-name", escaped(options.name)],
    ["-nodefaults", "-no-user-config", "-display", "none", "-vga", "none"],
    options.incoming === undefined ? ["-S"] : ["-incoming", `unix:${options.incoming}`],
    ["-machine", options.machine ?? "pc"],
    options.machine === "q35" ? ["-global", "ICH9-LPC.noreboot=off"] : [], // else its watchdog would count and do nothing
    options.firmware ? firmwareArguments(options.firmware) : [],
    (options.acpiTables ?? []).flatMap((file) => ["-acpitable", `file=${escaped(file)}`]),
    accelerator === "kvm" ? ["-accel", "kvm", "-cpu", "host"] : ["-accel", "tcg,thread=multi"],
    ["-m", `${options.memoryMib}M`, "-smp", `${options.cpus}`],
    ["-chardev", "socket,id=monitor,fd=3", "-mon", "chardev=monitor,mode=control"],
    ["-chardev", `file,id=console,path=${escaped(consolePath(options.dir))}`, "-serial", "chardev:console"],
    options.extraSerialSocket ? [...listener("shell", options.dir, "shell"), "-serial", "chardev:shell"] : [],
    ["-kernel", options.kernel, "-initrd", options.initrd, "-append", options.append],
    options.disks.flatMap(diskArguments),
    options.channels.length > 0 ? ["-device", "virtio-serial-pci,id=channels"] : [],
    options.channels.flatMap((name, index) => channelArguments(options.dir, name, index)),
    // Without its ROM: nobody boots from it.
    options.network
      ? ["-netdev", "user,id=network,restrict=on", "-device", `virtio-net-pci,id=${CARD},netdev=network,romfile=`]
      : [],
    options.watchdog && options.watchdog.model !== "itco" ? ["-device", options.watchdog.model] : [],
    options.watchdog ? ["-action", `watchdog=${options.watchdog.action}`] : [],
  ].flat();
}

function firmwareArguments({ code, variables }: Firmware): string[] {
  return [
    ...["-drive", `if=pflash,unit=0,format=raw,readonly=on,file=${escaped(code)}`],
    ...["-drive", `if=pflash,unit=1,format=raw,file=${escaped(variables)}`],
  ];
}

function diskArguments({ file, format, readonly = false, iopsLimit }: Disk, index: number): string[] {
  const limit = iopsLimit === undefined ? "" : `,throttling.iops-total=${iopsLimit}`;
  const access = readonly ? "on" : "off";
  return [
    ...["-drive", `if=none,id=disk${index},file=${escaped(file)},format=${format},readonly=${access}${limit}`],
    ...["-device", `virtio-blk-pci,drive=disk${index}`],
  ];
}

function channelArguments(dir: string, name: string, index: number): string[] {
  const id = `channel${index}`;
  // Port 0 is reserved for the console (virtio 1.2, 5.3).
  const port = `virtserialport,bus=channels.0,nr=${index + 1},chardev=${id},name=${escaped(name)}`;
  return [...listener(id, dir, name), "-device", port];
}

function listener(id: string, dir: string, name: string): string[] {
  return ["-chardev", `socket,id=${id},path=${escaped(socketPath(dir, name))},server=on,wait=off`];
}

/** In QEMU's option lists a comma ends the value, and two stand for one. */
function escaped(value: string): string {
  return value.replaceAll(",", ",,");
}
