/** `bernard` as plain JavaScript: an entry and the pieces that its commands load when they are called for. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { root, UserError } from "@bernard/tools";
import { build } from "esbuild";

/** CommonJS libraries look for these; each piece is a module of its own. */
const BANNER = `import { createRequire } from "node:module";
const require = createRequire(import.meta.url);`;

/** A library of npm's that is in the bundle. */
interface BundledLibrary {
  readonly name: string;
  readonly version: string;
  readonly license: string;
  /** As the lockfile has it. */
  readonly integrity: string;
}

export interface Bundle {
  /** By their names: `bernard.mjs`, and pieces named after their content. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly libraries: readonly BundledLibrary[];
  /** The libraries' licences, as they come with them. */
  readonly licenses: string;
}

export async function bundleCli(): Promise<Bundle> {
  const { outputFiles, metafile } = await build({
    entryPoints: { bernard: join(import.meta.dirname, "../src/installed.ts") },
    absWorkingDir: root, // paths in comments are the same in every checkout
    outdir: "out",
    outExtension: { ".js": ".mjs" },
    chunkNames: "part-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: "node24",
    minifySyntax: true,
    minifyWhitespace: true, // what is not there is not kept in memory; names stay, for stacks
    legalComments: "none", // the licences are in a file of their own
    banner: { js: BANNER },
    metafile: true,
    write: false,
    logLevel: "silent",
  });
  const files = outputFiles.map(({ path, contents }) => [path.slice(path.lastIndexOf("/") + 1), contents] as const);
  const folders = librariesIn(Object.keys(metafile.inputs));
  return { files: new Map(files), libraries: await described(folders), licenses: await licensesOf(folders) };
}

/** The folders of `node_modules/NAME/...`, each once. */
function librariesIn(inputs: readonly string[]): readonly string[] {
  const folders = inputs.map((input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]);
  return [...new Set(folders.filter((folder) => folder !== undefined))].sort();
}

async function described(folders: readonly string[]): Promise<BundledLibrary[]> {
  const lock = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8"));
  return folders.map((folder) => {
    const { version, integrity, license } = lock.packages[folder] ?? {};
    if (integrity === undefined || license === undefined)
      throw new UserError(`package-lock.json does not tell ${folder}'s hash and licence`);
    return { name: nameOf(folder), version, license, integrity };
  });
}

async function licensesOf(folders: readonly string[]): Promise<string> {
  const texts = folders.map(async (folder) => {
    const files = (await readdir(join(root, folder))).filter((name) => /^(licen[cs]e|notice)/i.test(name)).sort();
    const parts = await Promise.all(files.map((name) => readFile(join(root, folder, name), "utf8")));
    const { license } = JSON.parse(await readFile(join(root, folder, "package.json"), "utf8"));
    return `=== ${nameOf(folder)}: ${license}\n\n${parts.map((part) => part.trim()).join("\n\n")}\n`;
  });
  return (await Promise.all(texts)).join("\n");
}

const nameOf = (folder: string): string => folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
