/** Builds all packages of bernard-guest into one folder: .deb, .rpm and .tar.gz for each architecture, SBOM, SHA256SUMS. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { root, run } from "@bernard/tools";
import {
  type ArchNames,
  type Entry,
  folder,
  type PackageOptions,
  type Packaging,
  plain,
  sha256,
  writePackages,
  zipped,
} from "@bernard/tools/packaging";
import { ARCHES, type Arch, buildGuest } from "../build/build.ts";
import { type Help, parseHelp } from "./help.ts";
import { manual } from "./manual.ts";
import { PRODUCT } from "./product.ts";
import { CONF_FOLDER, sample } from "./sample.ts";
import { type Binary, guestSbom } from "./sbom.ts";

const files = join(import.meta.dirname, "files");

const CONF = "etc/bernard-guest.conf";

/** What others call the architectures, and the compiler for each. */
const NAMES: Readonly<Record<Arch, ArchNames & { readonly gcc: string }>> = {
  x86_64: { deb: "amd64", rpm: "x86_64", tar: "x86_64", gcc: "gcc" },
  i386: { deb: "i386", rpm: "i686", tar: "i386", gcc: "i686-linux-gnu-gcc" },
  arm64: { deb: "arm64", rpm: "aarch64", tar: "arm64", gcc: "aarch64-linux-gnu-gcc" },
};

/** Builds into `out`, whole or not at all. The same sources, version and time give the same bytes. */
export async function buildPackages({ version, time, out, say }: PackageOptions): Promise<void> {
  const binaries: Binary[] = [];
  let help: Help | undefined;
  for (const arch of ARCHES) {
    const { daemon } = await buildGuest(arch, say);
    help ??= parseHelp((await run(daemon, ["--help"])).toString()); // ARCHES begins with this machine's
    binaries.push({ arch, deb: NAMES[arch].deb, gcc: NAMES[arch].gcc, bytes: await readFile(daemon) });
  }
  const shared = await sharedEntries(help as Help, time);
  const scripts = await readScripts(shared);
  const packagings = binaries.map(({ arch, bytes }): Packaging => {
    const entries = [{ path: "usr/sbin/bernard-guest", bytes, mode: 0o755 }, ...shared];
    const product = { ...PRODUCT, version, time, entries, script: (name: string) => scripts.get(name) as string };
    return { names: NAMES[arch], product };
  });
  await writePackages(packagings as [Packaging], await guestSbom(version, time, binaries, say), out, say);
}

/** All but the program, the same for every architecture. */
async function sharedEntries(help: Help, time: number): Promise<Entry[]> {
  const page = async (name: string) => manual(await template(name), help, time);
  const docs = "usr/share/doc/bernard-guest";
  return [
    { ...plain(CONF, sample(help)), configuration: true },
    folder(CONF_FOLDER.slice(1)),
    plain("usr/lib/systemd/system/bernard-guest.service", await template("bernard-guest.service")),
    plain("usr/lib/systemd/system/bernard-guest-shutdown.service", await template("bernard-guest-shutdown.service")),
    plain(`${docs}/LICENSE`, await readFile(join(root, "LICENSE"))),
    zipped(`${docs}/changelog.gz`, await template("changelog")),
    plain(`${docs}/copyright`, await template("copyright")),
    plain(`${docs}/examples/cloud-init.yaml`, await readFile(join(root, "docs/guest/cloud-init.yaml"))),
    plain(`${docs}/examples/no-scripts.conf`, await template("no-scripts.conf")),
    zipped("usr/share/man/man5/bernard-guest.conf.5.gz", await page("bernard-guest.conf.5")),
    zipped("usr/share/man/man8/bernard-guest.8.gz", await page("bernard-guest.8")),
    folder("var/lib/bernard-guest"),
  ];
}

/** The maintainer scripts, with the functions that both package formats share. */
async function readScripts(shared: readonly Entry[]): Promise<ReadonlyMap<string, string>> {
  const conf = shared.find(({ path }) => path === CONF)?.bytes as Uint8Array;
  const functions = (await template("functions.sh")).replace("@SAMPLE_SHA256@", sha256(conf));
  const names = (await readdir(files)).filter((name) => /^(deb|rpm)\./.test(name));
  const filled = names.map(
    async (name) => [name, (await template(name)).replace("@FUNCTIONS@", () => functions)] as const,
  );
  return new Map(await Promise.all(filled));
}

async function template(name: string): Promise<string> {
  return (await readFile(join(files, name))).toString();
}
