/**
 * A guest's counters out of libvirt's statistics.
 * Interface: https://libvirt.org/html/libvirt-libvirt-domain.html#virConnectGetAllDomainStats
 */
import type { Counters } from "../hypervisor.ts";
import type { Parameter } from "./procedures.ts";

/** VIR_DOMAIN_STATS_STATE, _CPU_TOTAL, _VCPU, _INTERFACE and _BLOCK */
export const COUNTERS = 1 | 2 | 8 | 16 | 32;

/** VIR_DOMAIN_SHUTOFF */
const OFF = 5;

const NS_PER_S = 1e9;

/** `off` for a guest that counts nothing; undefined where QEMU has not told what libvirt cannot know alone. */
export function countersOf(parameters: readonly Parameter[]): Counters | "off" | undefined {
  const values = new Map(parameters.map(({ name, value }) => [name, Number(value)]));
  if (values.get("state.state") === OFF) return "off";
  const block = (field: string) => sum(values, "block", field) ?? 0;
  // libvirt goes on without QEMU's answer when that takes too long.
  if ((values.get("block.count") ?? 0) > 0 && sum(values, "block", "rd.reqs") === undefined) return undefined;
  const receivedBytes = sum(values, "net", "rx.bytes");
  const sentBytes = sum(values, "net", "tx.bytes");
  const waitedNs = sum(values, "vcpu", "delay");
  return {
    disk: {
      reads: block("rd.reqs"),
      writes: block("wr.reqs"),
      readBytes: block("rd.bytes"),
      writtenBytes: block("wr.bytes"),
    },
    network: receivedBytes === undefined || sentBytes === undefined ? undefined : { receivedBytes, sentBytes },
    processors: {
      count: values.get("vcpu.current") ?? 0,
      // Without KVM libvirt does not tell the processors apart: it is the emulator's time then.
      ranS: (sum(values, "vcpu", "time") ?? values.get("cpu.time") ?? 0) / NS_PER_S,
      waitedS: waitedNs === undefined ? undefined : waitedNs / NS_PER_S,
    },
  };
}

/** Of `net.0.rx.bytes`, `net.1.rx.bytes`...; undefined where there is none. */
function sum(values: ReadonlyMap<string, number>, group: string, field: string): number | undefined {
  let total: number | undefined;
  for (let i = 0; i < (values.get(`${group}.count`) ?? values.get(`${group}.maximum`) ?? 0); i++) {
    const value = values.get(`${group}.${i}.${field}`);
    if (value !== undefined) total = (total ?? 0) + value;
  }
  return total;
}
