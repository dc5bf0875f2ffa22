/** A connection to libvirt that is ready for calls: dialled, authenticated, opened for its hypervisor. */
import { LibvirtConnectError } from "./errors.ts";
import { procedures } from "./procedures.ts";
import { RpcConnection } from "./rpc-connection.ts";
import { type CallOptions, TimeLimit } from "./time-limit.ts";
import { dial } from "./transport.ts";
import type { Target } from "./uri.ts";

/** remote_auth_type; 2 is polkit. */
const AUTH_NONE = 0;
const AUTH_POLKIT = 2;

/** VIR_CONNECT_RO */
const READ_ONLY = 1;

/**
 * @param options of the whole of it
 * @param restMs see RpcConnection
 * @throws LibvirtConnectError, LibvirtRefusedError, LibvirtDeadlineError, LibvirtClosedError, LibvirtProtocolError, and the
 *   signal's reason
 */
export async function openConnection(target: Target, options: CallOptions, restMs = 0): Promise<RpcConnection> {
  const limit = new TimeLimit(`connection to ${target.name}`, options);
  // The limit of the whole comes before that of any of its calls, which began later.
  const within = { deadlineMs: options.deadlineMs, signal: limit.signal };
  try {
    limit.signal.throwIfAborted();
    const connection = new RpcConnection(await dial(target, limit.signal), restMs);
    try {
      await authenticate(connection, within);
      const asked = { name: target.name, flags: target.readOnly ? READ_ONLY : 0 };
      await connection.call(`a connection to ${target.name}`, procedures.connectOpen, asked, within);
      await connection.keepAlive(within);
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  } finally {
    limit.end();
  }
}

async function authenticate(connection: RpcConnection, within: CallOptions): Promise<void> {
  const { types } = await connection.call("authList", procedures.authList, {}, within);
  if (types.length === 0 || types.includes(AUTH_NONE)) return;
  if (!types.includes(AUTH_POLKIT)) {
    throw new LibvirtConnectError("libvirt asks for a password (SASL)", 'set auth_unix_rw = "polkit" in libvirtd.conf');
  }
  await connection.call("authPolkit", procedures.authPolkit, {}, within);
}
