/** Chooses how QEMU runs a guest's processor: KVM where a guest really boots on it, emulation (TCG) elsewhere. */
import { constants } from "node:fs";
import { access, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { UserError } from "@bernard/tools";
import { PROBE_DEVICE, PROBE_EXIT_CODE, probeFirmware } from "./boot-probe.ts";
import { QemuProcess } from "./qemu-process.ts";

export type Accelerator = "kvm" | "tcg";

/** Milliseconds in which the probe must end on KVM; it takes 0.2 s where KVM works, QEMU's own start included. */
const PROBE_MS = 3_000;

let picked: Promise<Accelerator> | undefined;

/**
 * The accelerator to use, found out once a process (at most 3 s). `BERNARD_ACCEL=kvm` or `tcg` in the environment decides
 * instead.
 * @throws UserError when QEMU is not installed, or BERNARD_ACCEL is neither
 */
export function pickAccelerator(): Promise<Accelerator> {
  picked ??= pick();
  return picked;
}

async function pick(): Promise<Accelerator> {
  const wanted = process.env.BERNARD_ACCEL;
  if (wanted === "kvm" || wanted === "tcg") return wanted;
  if (wanted !== undefined && wanted !== "") {
    throw new UserError(`BERNARD_ACCEL is "${wanted}"`, "set it to kvm or tcg, or leave it out", 2);
  }
  return (await bootsOn("kvm")) ? "kvm" : "tcg";
}

/** Whether a guest boots on `accelerator`, and does so at a useful speed: really boots one. */
export async function bootsOn(accelerator: Accelerator): Promise<boolean> {
  if (accelerator === "kvm" && !(await mayUseKvm())) return false;
  const dir = await mkdtemp(join(tmpdir(), "bernard-probe-"));
  try {
    const firmware = join(dir, "firmware");
    await writeFile(firmware, probeFirmware());
    const machine = ["-machine", "pc", "-accel", accelerator, "-m", "16", "-bios", firmware, "-device", PROBE_DEVICE];
    const bare = ["-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-no-reboot"];
    const qemu = await QemuProcess.start([...machine, ...bare]);
    const timer = setTimeout(() => qemu.kill(), PROBE_MS);
    const { code } = await qemu.exited;
    clearTimeout(timer);
    return code === PROBE_EXIT_CODE;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function mayUseKvm(): Promise<boolean> {
  return access("/dev/kvm", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}
