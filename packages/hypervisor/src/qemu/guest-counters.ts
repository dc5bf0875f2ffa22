/** What a guest has done since its emulator started: its disks by QEMU, its processors by the host's kernel. */
import { printable } from "@bernard/protocol";
import { HypervisorError } from "../errors.ts";
import type { Monitor } from "../fire-mark.ts";
import type { Counters } from "../hypervisor.ts";
import { type EmulatorProcess, timesOf } from "./emulator-process.ts";
import { countOf, recordOf, recordsOf } from "./qmp-values.ts";

const NS_PER_S = 1e9;

/** @throws HypervisorError `unsupported` where the threads of its processors cannot be seen from here */
export async function countersOf(what: string, ask: Monitor, process: EmulatorProcess | undefined): Promise<Counters> {
  const [blocks, processors] = await Promise.all([ask("query-blockstats"), ask("query-cpus-fast")]);
  const stats = recordsOf(blocks).map((block) => recordOf(block.stats));
  const sum = (name: string) => stats.reduce((all, each) => all + countOf(each[name]), 0);
  const threads = recordsOf(processors).map((each) => countOf(each["thread-id"]));
  const times = await Promise.all(threads.map((thread) => process && timesOf(process, thread)));
  const seen = times.filter((each) => each !== undefined);
  if (seen.length === 0) {
    throw new HypervisorError("unsupported", printable(`${what}: the threads of its QEMU are not in /proc`), {
      hint: "run this where that QEMU runs, not in a container beside it",
    });
  }
  return {
    disk: {
      reads: sum("rd_operations"),
      writes: sum("wr_operations"),
      readBytes: sum("rd_bytes"),
      writtenBytes: sum("wr_bytes"),
    },
    network: undefined,
    processors: {
      count: threads.length,
      ranS: seen.reduce((all, { ranNs }) => all + ranNs, 0) / NS_PER_S,
      waitedS: seen.reduce((all, { waitedNs }) => all + waitedNs, 0) / NS_PER_S,
    },
  };
}
