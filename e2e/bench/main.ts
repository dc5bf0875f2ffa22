/**
 * `make bench`: the numbers that bernard-guest promises, beside Debian's watchdog 5.16 in the same run, as ratios.
 * Memory is read in one guest that each of the two feeds in turn; CPU natively on this host against its real /proc, for an
 * emulated processor says little about a real one; the time from verdict to fire on both devices; who notices a disk that hangs.
 */

import { stat } from "node:fs/promises";
import { buildGuest } from "@bernard/guest/build";
import { buildImage } from "@bernard/testbed";
import { errorLine, type Measurement, printMeasurements } from "@bernard/tools";
import { measureCpu } from "./cpu.ts";
import { measureFire } from "./fire.ts";
import { measureGrowth } from "./growth.ts";
import { showHungDisks } from "./hung-disks.ts";
import { measureMemory } from "./memory.ts";
import { measureThrash } from "./thrash.ts";

try {
  const say = (line: string) => console.error(`- ${line}`);
  const image = await buildImage(say);
  const { daemon, tests } = await buildGuest("x86_64", say);
  const rows: Measurement[] = [
    { what: "static binary", unit: "KiB", ours: (await stat(daemon)).size / 1024, limit: 2560 },
    ...(await measureMemory(image)),
    ...(await measureCpu(daemon, say)),
    ...(await measureGrowth(tests)),
    ...(await measureFire(image)),
    ...(await measureThrash(image)),
  ];
  printMeasurements(["bernard-guest", "watchdog 5.16"], rows);
  await showHungDisks(image, say);
} catch (error) {
  console.error(`make bench: ${errorLine(error)}`);
  process.exitCode = 1;
}
