/**
 * The guest's end in order, as watchdog(8) does it: SIGTERM to all, SIGKILL, sync, remount read-only, reboot(2). Any step may hang
 * on what has failed: the ones that touch disks are a child's, with a deadline, and the device ticks behind all of them.
 */
import { decode } from "../bytes.ts";
import { unescapePath } from "../kernel/mountinfo.ts";
import * as abi from "./abi.ts";
import * as system from "./system.ts";

/** Milliseconds that syncing and remounting may take. */
const DISKS_PATIENCE = 10_000;

/** `patience`: milliseconds from SIGTERM to SIGKILL. Returns only where the kernel refuses. */
export function endGuest(end: "reboot" | "poweroff" | "panic", patience: number): void {
  if (end === "panic") {
    panic();
    return;
  }
  system.kill(-1, abi.SIGTERM);
  system.poll([], patience);
  system.kill(-1, abi.SIGKILL);
  settleDisks();
  system.reboot(end === "reboot" ? abi.RB_AUTOBOOT : abi.RB_POWER_OFF);
}

/** A crash on purpose, for kdump or pstore (Documentation/admin-guide/sysrq.rst). */
function panic(): void {
  const fd = system.open("/proc/sysrq-trigger", abi.O_WRONLY);
  if (fd >= 0) system.write(fd, new Uint8Array([0x63]));
}

/** Where no child can be had, nothing is synced: a hang here would cost the reboot. */
function settleDisks(): void {
  const done = system.pipe(abi.O_NONBLOCK);
  if (typeof done === "number") return;
  if (system.fork() === 0) {
    system.close(done[0]);
    system.syncAll();
    for (const point of mountPoints()) system.remountReadOnly(point);
    system.exit(0);
  }
  system.close(done[1]);
  // The child's end closes the pipe.
  system.poll([{ fd: done[0], events: abi.POLLIN }], DISKS_PATIENCE);
}

/** File systems on block devices, the last mounted first; as much of mountinfo as one read brings. */
function mountPoints(): string[] {
  const mounts = system.readWhole("/proc/self/mounts");
  const lines = typeof mounts === "number" ? [] : decode(mounts).split("\n");
  const points = lines.flatMap((line) => {
    const [source = "", point = ""] = line.split(" ");
    return source.startsWith("/dev/") || point === "/" ? [unescapePath(point)] : [];
  });
  return points.reverse();
}
