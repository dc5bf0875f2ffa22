/** Chooses the adapter that a URI asks for. */
import type { CallOptions, Hypervisor } from "./hypervisor.ts";
import { LibvirtHypervisor } from "./libvirt/adapter.ts";

export interface OpenOptions extends CallOptions {
  /** Only looks: every ability is gone, and more users may. */
  readonly readOnly?: boolean | undefined;
}

/**
 * @param uri `qmp:///DIR`: QEMU's monitor sockets in that folder; any other is libvirt's, such as `qemu:///system`
 * @throws HypervisorError; UserError where the URI is none; the signal's reason
 */
export function openHypervisor(uri: string, options: OpenOptions = {}): Promise<Hypervisor> {
  return LibvirtHypervisor.open(uri, options);
}
