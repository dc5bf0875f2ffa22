/** Builds all that the tests run, telling on standard error, and prints the accelerator that guests get (`kvm` or `tcg`). */
import { ARCHES, buildGuest, EMULATORS, packagesFor } from "@bernard/guest/build";
import { pickAccelerator } from "@bernard/hypervisor/qemu";
import { capabilities, daemonPackages } from "@bernard/hypervisor/test-daemon";
import { buildImage, buildSystemdImage, hostPackages, KERNELS } from "@bernard/testbed";
import { ensureInstalled, errorLine, type Say } from "@bernard/tools";
import { packageTestTools } from "@bernard/tools/packaging";

const say: Say = (line) => console.error(`- ${line}`);

try {
  const emulators = Object.values(EMULATORS).map((emulator) => emulator.package);
  const wanted = [
    ...hostPackages,
    ...ARCHES.flatMap(packagesFor),
    ...emulators,
    ...packageTestTools,
    ...daemonPackages,
  ];
  await ensureInstalled([...new Set(wanted)], say);
  await capabilities(say);
  for (const arch of ARCHES) await buildGuest(arch, say);
  for (const kernel of KERNELS) await buildImage(say, kernel);
  for (const kernel of ["6.1", "cloud"] as const) await buildSystemdImage(say, kernel);
  console.log(await pickAccelerator());
} catch (error) {
  console.error(`make: ${errorLine(error)}`);
  process.exitCode = 1;
}
