/** The picture of a guest's first screen, by way of a file: QEMU writes one and hands no picture over. */
import { constants } from "node:fs";
import { chown, mkdtemp, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { printable } from "@bernard/protocol";
import { errorCode } from "@bernard/tools";
import { HypervisorError } from "../errors.ts";
import type { Monitor } from "../fire-mark.ts";
import type { Screenshot } from "../hypervisor.ts";
import { type EmulatorProcess, ownerOf } from "./emulator-process.ts";
import { QmpCommandError } from "./errors.ts";

/** A screen of 8K without compression. */
const MAX_BYTES = 128 * 1024 * 1024;

const PNG = Buffer.from("\x89PNG", "latin1");
const PPM = Buffer.from("P6");

/** @param dir the folder of the sockets: QEMU has written there before, and sees it as we do, which /tmp may not be */
export async function screenshot(
  what: string,
  ask: Monitor,
  dir: string,
  process: EmulatorProcess | undefined,
  maxBytes = MAX_BYTES,
): Promise<Screenshot> {
  const own = await mkdtemp(join(dir, ".screen-")).catch((error: unknown) => {
    throw new HypervisorError(
      errorCode(error) === "EACCES" ? "denied" : "failed",
      printable(`${what}: no file can be made in ${dir}`),
      { hint: "let this user write there", cause: error },
    );
  });
  try {
    const owner = process && (await ownerOf(process));
    // QEMU may run as another user; only root can let it write there and nobody else.
    if (owner !== undefined) await chown(own, owner.uid, owner.gid).catch(() => {});
    const file = join(own, "screen");
    await dump(ask, file);
    return pictureOf(what, await contents(what, file, maxBytes));
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

/** PNG since QEMU 7.1, where it was built with it. */
async function dump(ask: Monitor, filename: string): Promise<void> {
  try {
    await ask("screendump", { filename, format: "png" });
  } catch (error) {
    if (!(error instanceof QmpCommandError && /format|PNG/.test(error.description))) throw error;
    await ask("screendump", { filename });
  }
}

/** What QEMU's user may have put there instead is not followed. */
async function contents(what: string, file: string, maxBytes: number): Promise<Buffer> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const info = await handle.stat();
    if (!info.isFile()) throw new HypervisorError("failed", printable(`${what}: QEMU wrote no file`));
    if (info.size > maxBytes) {
      throw new HypervisorError("failed", printable(`${what} is larger than ${maxBytes} bytes`));
    }
    const image = Buffer.alloc(info.size);
    const { bytesRead } = await handle.read(image, 0, image.length, 0);
    return image.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

function pictureOf(what: string, image: Buffer): Screenshot {
  if (image.subarray(0, PNG.length).equals(PNG)) return { type: "image/png", image };
  if (image.subarray(0, PPM.length).equals(PPM)) return { type: "image/x-portable-pixmap", image };
  throw new HypervisorError("failed", printable(`${what}: QEMU wrote no picture`));
}
