/** Chooses the adapter that a URI asks for. */
import { isAbsolute } from "node:path";
import { printable } from "@bernard/protocol";
import { UserError } from "@bernard/tools";
import type { CallOptions, Hypervisor } from "./hypervisor.ts";
import { LibvirtHypervisor } from "./libvirt/adapter.ts";
import { openQemu } from "./qemu/adapter.ts";

export interface OpenOptions extends CallOptions {
  /** Only looks: every ability is gone, and more users may. */
  readonly readOnly?: boolean | undefined;
}

const QMP = "qmp://";

/**
 * @param uri `qmp:///DIR`: QEMU's monitor sockets in that folder; any other is libvirt's, such as `qemu:///system`
 * @throws HypervisorError; UserError where the URI is none; the signal's reason
 */
export async function openHypervisor(uri: string, options: OpenOptions = {}): Promise<Hypervisor> {
  if (!uri.startsWith(QMP)) return await LibvirtHypervisor.open(uri, options);
  const dir = uri.slice(QMP.length);
  if (!isAbsolute(dir))
    throw new UserError(`${printable(uri)} names no folder`, "write it as qmp:///run/bernard/qmp", 2);
  return await openQemu(dir, options);
}
