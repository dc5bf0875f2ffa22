/** Which guest is behind a monitor's socket, and which life of it: from QEMU, from its arguments, or else from the socket. */
import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { parse } from "node:path";
import type { GuestId } from "../hypervisor.ts";
import { type EmulatorProcess, findEmulator, lastValue } from "./emulator-process.ts";

const UUID = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i;
const NO_UUID = "00000000-0000-0000-0000-000000000000";

/** What the one who started QEMU has called its guest. */
export interface Given {
  readonly uuid: string | undefined;
  readonly name: string | undefined;
}

/** @param ask asks QEMU; without it, its arguments tell as far as we may see them */
export async function identify(
  path: string,
  ask?: () => Promise<Given>,
): Promise<{ id: GuestId; process: EmulatorProcess | undefined }> {
  const process = await findEmulator(path);
  const { uuid, name } = ask === undefined ? givenIn(process?.arguments ?? []) : await ask();
  const id = {
    uuid: uuid !== undefined && UUID.test(uuid) && uuid !== NO_UUID ? uuid.toLowerCase() : await madeUuid(path),
    name: name ?? parse(path).name,
    run: process === undefined ? await lifeOfSocket(path) : `${process.pid}-${process.startedAt}`,
  };
  return { id, process };
}

/** `-uuid 8a1f..., -name guest=db,debug-threads=on`, or `-name db` */
function givenIn(all: readonly string[]): Given {
  const [, name] = /^(?:guest=)?((?:[^,]|,,)*)/.exec(lastValue(all, "name") ?? "") ?? [];
  return { uuid: lastValue(all, "uuid"), name: name?.replaceAll(",,", ",") || undefined };
}

/**
 * For a guest that was given none: of its socket's path on this host (RFC 9562, version 8), so the same at its next start,
 * and another host's guest with a socket of that name has another.
 */
async function madeUuid(path: string): Promise<string> {
  const host = await readFile("/etc/machine-id", "utf8").catch(() => "");
  const bytes = createHash("sha256").update(`bernard qmp ${host.trim()} ${path}`).digest().subarray(0, 16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** QEMU makes its socket anew at each start. */
async function lifeOfSocket(path: string): Promise<string | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && `socket-${found.ino}-${found.mtimeNs}`;
}
