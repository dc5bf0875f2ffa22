/** Part of `make docs`: writes the tables and diagrams of docs/devices.md from the vectors. */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorLine, root } from "@bernard/tools";
import { fillPage } from "./tables.ts";

const file = join(root, "docs/devices.md");
try {
  const before = (await readFile(file)).toString();
  const { page } = fillPage(before);
  if (page !== before) {
    await writeFile(file, page);
    console.log(file);
  }
} catch (error) {
  console.error(`make docs: ${errorLine(error)}`);
  process.exitCode = 1;
}
