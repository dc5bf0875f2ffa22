/**
 * Part of `make bench`: what `bernard host` promises, of the program that `make package` builds: beside `virsh event` on a real libvirtd
 * with real guests, with 1,000 guests, and as many inputs as it can take.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import { sessionDaemon } from "@bernard/hypervisor/test-daemon";
import { buildRoot, errorLine, type Measurement, printMeasurements, withScope } from "@bernard/tools";
import { unpackBernard } from "./daemon.ts";
import { measureFires } from "./fire.ts";
import { measureManyGuests } from "./many-guests.ts";
import { measureRate } from "./rate.ts";
import { measureStartUp } from "./start-up.ts";

try {
  const rows = await withScope(async (scope): Promise<Measurement[]> => {
    // On the disk, where journals are: what waits for it must not wait for memory only.
    const dir = await mkdtemp(join(buildRoot, "bench-"));
    scope.after(() => rm(dir, { recursive: true }));
    const program = await unpackBernard(scope);
    const libvirtd = await sessionDaemon(scope);
    return [
      ...(await measureFires(scope, libvirtd, program, dir)),
      ...(await measureStartUp(scope, libvirtd, program, dir)),
      ...(await measureRate(dir)),
      ...(await measureManyGuests(scope, program, dir)),
    ];
  });
  printMeasurements(["bernard host"], rows);
} catch (error) {
  console.error(`make bench: ${errorLine(error)}`);
  process.exitCode = 1;
}
