/** The road to libvirt's daemon: a UNIX socket here, or the `ssh` program to another host. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { Duplex } from "node:stream";
import { errorCode } from "@bernard/tools";
import { LibvirtConnectError } from "./errors.ts";
import { sshArguments, type Target } from "./uri.ts";

/** One read brings no more bytes than that; one that brings fewer has taken all that was there. */
export const READ_BYTES = 65_536;

/** Every socket reads into it, for what is read is copied at once: a thousand of their own would be 64 MB. */
const readInto = Buffer.allocUnsafeSlow(READ_BYTES);

/** Characters kept of what ssh says: its last words. */
const STDERR_KEPT = 4_096;

/**
 * Bytes to and from the daemon. What fails after that is an error of the stream.
 * @param signal gives up
 * @throws LibvirtConnectError, and the signal's reason
 */
export async function dial(target: Target, signal: AbortSignal): Promise<Duplex> {
  if (target.ssh !== undefined) return dialSsh(target, target.ssh.host);
  const missing: string[] = [];
  for (const path of target.sockets) {
    const socket = socketAt(path);
    try {
      await once(socket, "connect", { signal });
      return socket;
    } catch (error) {
      socket.destroy();
      signal.throwIfAborted();
      // A socket file whose daemon is gone must not hide the other kind of daemon.
      if (!["ENOENT", "ECONNREFUSED"].includes(errorCode(error) ?? "")) throw await refused(path, error);
      missing.push(path);
    }
  }
  const start = target.name.endsWith("/session") ? `virsh -c ${target.name} list` : "systemctl start libvirtd";
  throw new LibvirtConnectError(
    `no libvirt listens at ${missing.join(" or ")}`,
    `install or start it (${start}), or name its socket by ?socket=PATH`,
  );
}

/** A socket that reads into that buffer: by itself Node takes as much anew for each packet, a tenth of a call's processor time. */
function socketAt(path: string): Socket {
  const callback = (length: number) => {
    socket.emit("data", Buffer.from(readInto.subarray(0, length)));
    return true;
  };
  const socket: Socket = connect({ path, onread: { buffer: readInto, callback } });
  return socket;
}

async function refused(path: string, error: unknown): Promise<LibvirtConnectError> {
  const cause = error instanceof Error ? error : new Error(String(error));
  const denied = errorCode(error) === "EACCES" || errorCode(error) === "EPERM";
  if (!denied) return new LibvirtConnectError(`${path}: ${cause.message}`, "is it libvirt's socket?", cause);
  const group = await groupOf(path);
  const hint =
    group === undefined ? "run this as root" : `join its group (usermod -aG ${group} USER) or run this as root`;
  return new LibvirtConnectError(`permission denied at ${path}`, hint, cause);
}

/** The group that a socket is for; undefined where that is root's, or cannot be known. */
async function groupOf(path: string): Promise<string | undefined> {
  const gid = await stat(path).then(
    (found) => found.gid,
    () => 0,
  );
  if (gid === 0) return undefined;
  const groups = await readFile("/etc/group", "utf8").catch(() => "");
  const line = groups.split("\n").find((each) => each.split(":")[2] === String(gid));
  return line?.split(":")[0] ?? String(gid);
}

function dialSsh(target: Target, host: string): Duplex {
  const child = spawn("ssh", sshArguments(target), { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said = (said + text).slice(-STDERR_KEPT);
  });
  const road = new Duplex({
    read: () => void child.stdout.resume(),
    write: (chunk, _encoding, done) => void child.stdin.write(chunk, () => done()), // why it cannot, its end tells
    final: (done) => void child.stdin.end(done),
    destroy: (error, done) => {
      child.kill();
      done(error);
    },
  });
  child.stdin.on("error", () => {});
  child.stdout.on("data", (chunk: Buffer) => {
    if (!road.push(chunk)) child.stdout.pause();
  });
  const fail = (why: string) => {
    road.destroy(new LibvirtConnectError(`ssh to ${host}: ${why}`, `try it by hand: ssh ${host} true`));
  };
  child.on("error", (error) => fail(error.message));
  child.on("close", (code, signal) => {
    if (code === 0) road.push(null);
    else fail(said.trim().split("\n").at(-1) || `ended with ${signal ?? code}`);
  });
  return road;
}
