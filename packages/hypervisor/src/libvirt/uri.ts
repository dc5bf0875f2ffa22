/**
 * libvirt's URIs: which hypervisor, by which road, at which socket.
 * Specification: https://libvirt.org/uri.html
 */
import { join } from "node:path";
import { LibvirtUriError } from "./errors.ts";

interface SshRoad {
  readonly host: string;
  readonly user: string | undefined;
  readonly port: string | undefined;
  readonly keyFile: string | undefined;
  /** What speaks to the daemon there: virt-ssh-helper, netcat, or the first where it is installed. */
  readonly proxy: "auto" | "native" | "netcat";
  /** The program `nc` there. */
  readonly netcat: string;
}

export interface Target {
  /** The URI without its road: what the daemon is asked to open. */
  readonly name: string;
  /** Sockets in the order in which they are tried. */
  readonly sockets: readonly string[];
  readonly readOnly: boolean;
  /** Undefined: this machine. */
  readonly ssh: SshRoad | undefined;
}

export interface Surroundings {
  readonly uid: number;
  readonly home: string;
  /** XDG_RUNTIME_DIR */
  readonly runtimeDir: string | undefined;
}

/** `qemu`, `qemu+ssh` */
const SCHEME = /^(?<driver>[a-z][a-z0-9]*)(?:\+(?<transport>[a-z0-9]+))?$/;

/** Drivers with a modular daemon of their own; `test` lives in libvirtd alone. */
const MODULAR: Readonly<Record<string, string>> = { qemu: "virtqemud" };

const SYSTEM_DIR = "/var/run/libvirt";

/** Keys after the `?` that are about the road, not the hypervisor. */
const ROAD_KEYS = ["socket", "netcat", "keyfile", "proxy"];

/**
 * Where a URI leads.
 * @param around of the process that asks: a session's sockets are its user's
 * @throws LibvirtUriError
 */
export function parseUri(uri: string, readOnly: boolean, around: Surroundings): Target {
  const url = URL.parse(uri);
  const { driver, transport } = SCHEME.exec(url?.protocol.slice(0, -1) ?? "")?.groups ?? {};
  if (url === null || driver === undefined) throw new LibvirtUriError(uri, "no URI of libvirt's");
  if (transport !== undefined && transport !== "unix" && transport !== "ssh") {
    throw new LibvirtUriError(uri, `the transport ${transport} is not known here`);
  }
  if (transport !== "ssh" && url.hostname !== "") throw new LibvirtUriError(uri, "another host is reached by +ssh");
  if (transport === "ssh" && url.hostname === "") throw new LibvirtUriError(uri, "+ssh needs a host");
  for (const key of url.searchParams.keys()) {
    if (!ROAD_KEYS.includes(key)) throw new LibvirtUriError(uri, `${key} is no parameter known here`);
  }
  const socket = url.searchParams.get("socket");
  return {
    name: `${driver}://${url.pathname}`,
    readOnly,
    sockets: socket === null ? defaultSockets(driver, url.pathname, readOnly, transport, around) : [socket],
    ssh: transport === "ssh" ? sshRoad(uri, url) : undefined,
  };
}

function defaultSockets(
  driver: string,
  path: string,
  readOnly: boolean,
  transport: string | undefined,
  around: Surroundings,
): string[] {
  if (transport === "ssh" && path === "/session") return []; // only the other side knows its user's
  // Root has no session: its libvirtd is the system's.
  const session = transport !== "ssh" && path !== "/system" && around.uid !== 0;
  // A session has no socket of its own for readers.
  const dir = session ? join(around.runtimeDir ?? join(around.home, ".cache"), "libvirt") : SYSTEM_DIR;
  const name = readOnly && !session ? "sock-ro" : "sock";
  const modular = MODULAR[driver];
  return [...(modular === undefined ? [] : [`${dir}/${modular}-${name}`]), `${dir}/libvirt-${name}`];
}

function sshRoad(uri: string, url: URL): SshRoad {
  const chosen = ["socket", "netcat"].some((key) => url.searchParams.has(key)); // which virt-ssh-helper takes no heed of
  const proxy = url.searchParams.get("proxy") ?? (chosen ? "netcat" : "auto");
  if (proxy === "netcat" && url.pathname === "/session" && !url.searchParams.has("socket")) {
    throw new LibvirtUriError(uri, "name the session's socket by ?socket=PATH");
  }
  if (proxy !== "auto" && proxy !== "native" && proxy !== "netcat") {
    throw new LibvirtUriError(uri, `proxy is auto, native or netcat, not ${proxy}`);
  }
  // ssh would take a leading - for an option of its own.
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  const user = decodeURIComponent(url.username);
  if (host.startsWith("-") || user.startsWith("-")) throw new LibvirtUriError(uri, "a host or user with a leading -");
  return {
    host,
    user: user || undefined,
    port: url.port || undefined,
    keyFile: url.searchParams.get("keyfile") ?? undefined,
    proxy,
    netcat: url.searchParams.get("netcat") ?? "nc",
  };
}

/**
 * The command line of `ssh` that leads to the daemon. It never asks: a password or an unknown host is an error at once.
 * @throws LibvirtUriError
 */
export function sshArguments({ name, sockets, readOnly, ssh }: Target): string[] {
  if (ssh === undefined) throw new RangeError(`${name} is on this machine`);
  const options = ["-T", "-e", "none", "-o", "BatchMode=yes"];
  if (ssh.user !== undefined) options.push("-l", ssh.user);
  if (ssh.port !== undefined) options.push("-p", ssh.port);
  if (ssh.keyFile !== undefined) options.push("-i", ssh.keyFile);
  return [...options, "--", ssh.host, `sh -c ${quoted(remoteScript(ssh, name, sockets, readOnly))}`];
}

function remoteScript(ssh: SshRoad, name: string, sockets: readonly string[], readOnly: boolean): string {
  const helper = `exec virt-ssh-helper ${readOnly ? "-r " : ""}${quoted(name)}`;
  const netcat = quoted(ssh.netcat);
  // Debian's and BSD's netcat ends by itself only with -q 0; others have no -q, and need none.
  const dial = `if ${netcat} -h 2>&1 | grep -q -- -q; then exec ${netcat} -q 0 -U "$s"; else exec ${netcat} -U "$s"; fi`;
  const byNetcat = `for s in ${sockets.map(quoted).join(" ")}; do test -S "$s" && break; done; ${dial}`;
  if (ssh.proxy === "native" || sockets.length === 0) return helper;
  if (ssh.proxy === "netcat") return byNetcat;
  return `if command -v virt-ssh-helper >/dev/null 2>&1; then ${helper}; else ${byNetcat}; fi`;
}

/** For a shell: `it's` -> `'it'\''s'`. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
