/** The option `--socket` of every command that asks the host daemon. */
import { HOST_SOCKET, HostClient } from "@bernard/host/client";
import { Option } from "commander";

export interface HostFlags {
  readonly socket: string;
  readonly json?: true;
}

export const socketOption = (): Option =>
  new Option("--socket <path>", "the host daemon's socket").default(HOST_SOCKET);

export const clientOf = (flags: HostFlags): HostClient => new HostClient(flags.socket);

/** The path of a query with what is defined of it. */
export function query(path: string, values: Readonly<Record<string, string | number | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) parameters.set(name, String(value));
  return parameters.size === 0 ? path : `${path}?${parameters}`;
}
