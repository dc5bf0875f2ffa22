/** `make guest`: builds the guest daemon for every architecture. */
import { errorLine } from "@bernard/tools";
import { ARCHES, buildGuest } from "./build.ts";

try {
  for (const arch of ARCHES) {
    const { daemon } = await buildGuest(arch, (line) => console.error(`- ${line}`));
    console.log(daemon);
  }
} catch (error) {
  console.error(`make guest: ${errorLine(error)}`);
  process.exitCode = 1;
}
