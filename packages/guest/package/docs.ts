/** `make docs`: writes the tables of keys in docs/guest/*.md from what the program says of itself. */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorLine, root, run } from "@bernard/tools";
import { buildGuest } from "../build/build.ts";
import { parseHelp } from "./help.ts";
import { fillTables } from "./key-tables.ts";

const folder = join(root, "docs/guest");

try {
  const { daemon } = await buildGuest("x86_64", (line) => console.error(`- ${line}`));
  const help = parseHelp((await run(daemon, ["--help"])).toString());
  for (const name of (await readdir(folder)).filter((file) => file.endsWith(".md"))) {
    const path = join(folder, name);
    const before = (await readFile(path)).toString();
    const { page } = fillTables(before, help);
    if (page === before) continue;
    await writeFile(path, page);
    console.log(path);
  }
} catch (error) {
  console.error(`make docs: ${errorLine(error)}`);
  process.exitCode = 1;
}
