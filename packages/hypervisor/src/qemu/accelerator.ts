/** Chooses how QEMU runs a guest's processor: KVM where a guest really boots on it, emulation (TCG) elsewhere. */
import { constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { access } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atProcessEnd, UserError } from "@bernard/tools";
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
  picked ??= decide(process.env.BERNARD_ACCEL, async () => (await mayUseKvm()) && (await bootsOn("kvm", PROBE_MS)));
  return picked;
}

/**
 * The decision alone.
 * @param wanted what the user has asked for
 * @param kvmBoots asked only where the user leaves it to us
 */
export async function decide(wanted: string | undefined, kvmBoots: () => Promise<boolean>): Promise<Accelerator> {
  if (wanted === "kvm" || wanted === "tcg") return wanted;
  if (wanted !== undefined && wanted !== "") {
    throw new UserError(`BERNARD_ACCEL is "${wanted}"`, "set it to kvm or tcg, or leave it out", 2);
  }
  return (await kvmBoots()) ? "kvm" : "tcg";
}

/** Whether a guest boots on `accelerator` before the deadline: really boots one. */
export async function bootsOn(accelerator: Accelerator, deadlineMs: number): Promise<boolean> {
  // Made, filled and removed at once, so that no signal comes between one and the other.
  const dir = mkdtempSync(join(tmpdir(), "bernard-probe-"));
  const remove = () => rmSync(dir, { recursive: true, force: true });
  const forget = atProcessEnd(remove);
  try {
    const firmware = join(dir, "firmware");
    writeFileSync(firmware, probeFirmware());
    const machine = ["-machine", "pc", "-accel", accelerator, "-m", "16", "-bios", firmware, "-device", PROBE_DEVICE];
    const bare = ["-nodefaults", "-no-user-config", "-display", "none", "-vga", "none", "-no-reboot"];
    const qemu = await QemuProcess.start([...machine, ...bare]);
    const timer = setTimeout(() => qemu.kill(), deadlineMs);
    const { code } = await qemu.exited;
    clearTimeout(timer);
    return code === PROBE_EXIT_CODE;
  } finally {
    remove();
    forget();
  }
}

function mayUseKvm(): Promise<boolean> {
  return access("/dev/kvm", constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}
