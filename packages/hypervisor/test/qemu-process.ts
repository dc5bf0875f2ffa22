/** A QEMU with the tiny kernel and monitors at sockets, for tests of what finds it there. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Scope } from "@bernard/tools";
import { QemuProcess } from "../src/qemu/qemu-process.ts";
import { QmpClient } from "../src/qemu/qmp-client.ts";
import { lastFirst } from "./libvirt/last-first.ts";
import { tinyKernel } from "./tiny-kernel.ts";

export interface EmulatorOptions {
  readonly name: string;
  /** A folder of its own for the disk and the sockets of its ports, `NAME-serial` and `NAME-channel`. */
  readonly dir: string;
  /** Paths of its monitors. */
  readonly monitors: readonly string[];
  readonly action?: string;
  readonly uuid?: string;
  /** More of QEMU's arguments. */
  readonly more?: readonly string[];
}

export interface Emulator {
  readonly pid: number;
  /** A monitor of the test's own. */
  readonly qmp: QmpClient;
  /** Kills it, and takes away what it left. */
  remove(): Promise<void>;
}

/** Paused before its first instruction; it answers at its monitors already, and goes with `t`. */
export async function startEmulator(t: Scope, options: EmulatorOptions): Promise<Emulator> {
  const { name, dir, monitors, action = "none", uuid, more = [] } = options;
  const [kernel, disk] = [join(dir, `${name}-kernel`), join(dir, `${name}.raw`)];
  await writeFile(kernel, tinyKernel());
  await writeFile(disk, Buffer.alloc(1024 * 1024));
  const escaped = (path: string) => path.replaceAll(",", ",,");
  const socket = (id: string) => `socket,id=${id},path=${escaped(join(dir, `${name}-${id}`))},server=on,wait=off`;
  const qemu = await QemuProcess.start([
    ...["-name", `guest=${name}`, ...(uuid === undefined ? [] : ["-uuid", uuid])],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-S", "-machine", "pc", "-accel", "tcg", "-m", "32"],
    ...["-kernel", kernel, "-vga", "std", "-device", "ib700,id=watchdog", "-action", `watchdog=${action}`],
    ...["-chardev", socket("serial"), "-serial", "chardev:serial", "-device", "virtio-serial-pci"],
    ...["-chardev", socket("channel"), "-device", "virtserialport,id=port,chardev=channel,name=org.bernard.guest.0"],
    ...["-drive", `if=none,id=disk,file=${escaped(disk)},format=raw`, "-device", "virtio-blk-pci,drive=disk"],
    ...["-chardev", "socket,id=own,fd=3", "-mon", "chardev=own,mode=control"],
    ...monitors.flatMap((path) => ["-qmp", `unix:${escaped(path)},server=on,wait=off`]),
    ...more,
  ]);
  const remove = async () => {
    qemu.kill();
    await qemu.exited;
    for (const path of monitors) await rm(path, { force: true });
  };
  lastFirst(t, remove);
  const greeted = QmpClient.connect(qemu.monitor, { deadlineMs: 60_000 });
  const qmp = await Promise.race([
    greeted,
    qemu.exited.then(() => {
      throw new Error(`QEMU does not start: ${qemu.complaint}`);
    }),
  ]);
  return { pid: qemu.pid, qmp, remove };
}
