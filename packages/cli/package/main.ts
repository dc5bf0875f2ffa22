/** `make package`: writes the packages of `bernard` into build/package/bernard/ and prints their names. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { buildRoot, errorLine } from "@bernard/tools";
import { sourceTime } from "@bernard/tools/packaging";
import { VERSION } from "../src/version.ts";
import { buildPackages } from "./package.ts";

try {
  const out = join(buildRoot, "package/bernard");
  await buildPackages({ version: VERSION, time: await sourceTime(), out, say: (line) => console.error(`- ${line}`) });
  for (const name of (await readdir(out)).sort()) console.log(join(out, name));
} catch (error) {
  console.error(`make package: ${errorLine(error)}`);
  process.exitCode = 1;
}
