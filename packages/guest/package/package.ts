/** Builds all packages of bernard-guest into one folder: .deb, .rpm and .tar.gz for each architecture, SBOM, SHA256SUMS. */
import { createHash, randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { atProcessEnd, ensureInstalled, root, run, type Say, UserError } from "@bernard/tools";
import { ARCHES, type Arch, buildGuest } from "../build/build.ts";
import { buildDeb } from "./deb.ts";
import { type Help, parseHelp } from "./help.ts";
import { manual } from "./manual.ts";
import type { Product } from "./product.ts";
import { buildRpm } from "./rpm.ts";
import { CONF_FOLDER, sample } from "./sample.ts";
import { type Binary, sbom } from "./sbom.ts";
import { buildTarball } from "./tarball.ts";
import type { Entry } from "./tree.ts";

const files = join(import.meta.dirname, "files");

const CONF = "etc/bernard-guest.conf";

/** Debian packages that bring the package formats. */
const packageTools: readonly string[] = ["rpm"];

/** Debian packages that their tests run beside them. */
export const packageTestTools: readonly string[] = [...packageTools, "systemd"];

/** What others call the architectures. */
const NAMES: Readonly<Record<Arch, { readonly deb: string; readonly rpm: string; readonly gcc: string }>> = {
  x86_64: { deb: "amd64", rpm: "x86_64", gcc: "gcc" },
  i386: { deb: "i386", rpm: "i686", gcc: "i686-linux-gnu-gcc" },
  arm64: { deb: "arm64", rpm: "aarch64", gcc: "aarch64-linux-gnu-gcc" },
};

export interface PackageOptions {
  readonly version: string;
  /** Seconds since 1970, of every file in the packages. */
  readonly time: number;
  /** Replaced as a whole. */
  readonly out: string;
  readonly say: Say;
}

/** Builds into `out`, whole or not at all. The same sources, version and time give the same bytes. */
export async function buildPackages({ version, time, out, say }: PackageOptions): Promise<void> {
  await ensureInstalled(packageTools, say);
  const binaries: Binary[] = [];
  let help: Help | undefined;
  for (const arch of ARCHES) {
    const { daemon } = await buildGuest(arch, say);
    help ??= parseHelp((await run(daemon, ["--help"])).toString()); // ARCHES begins with this machine's
    binaries.push({ arch, deb: NAMES[arch].deb, gcc: NAMES[arch].gcc, bytes: await readFile(daemon) });
  }
  const shared = await sharedEntries(help as Help, time);
  const scripts = await readScripts(shared);

  const work = `${out}.${randomUUID()}.tmp`;
  const forget = atProcessEnd(() => rmSync(work, { recursive: true, force: true }));
  try {
    const finished = join(work, "out");
    await mkdir(finished, { recursive: true });
    for (const { arch, bytes } of binaries) {
      const names = NAMES[arch];
      const entries = [{ path: "usr/sbin/bernard-guest", bytes, mode: 0o755 }, ...shared];
      const product: Product = { version, time, entries, script: (name) => scripts.get(name) as string };
      say(`packing bernard-guest ${version} for ${arch}`);
      await Promise.all([
        buildDeb(product, names.deb, join(work, `deb-${arch}`), finished),
        buildRpm(product, names.rpm, join(work, `rpm-${arch}`), finished),
        buildTarball(product, arch, join(work, `tar-${arch}`), finished),
      ]);
    }
    await writeFile(join(finished, `bernard-guest-${version}.cdx.json`), await sbom(version, time, binaries, say));
    await writeFile(join(finished, "SHA256SUMS"), await checksums(finished));
    await rm(out, { recursive: true, force: true });
    await rename(finished, out);
  } finally {
    await rm(work, { recursive: true, force: true });
    forget();
  }
}

/** The time of the sources: SOURCE_DATE_EPOCH as reproducible-builds.org has it, else the last commit's. */
export async function sourceTime(): Promise<number> {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given === undefined) {
    const hint = "package from a git checkout, or set SOURCE_DATE_EPOCH (seconds since 1970)";
    return Number(await run("git", ["-C", root, "log", "-1", "--format=%ct"], { hint }));
  }
  if (/^\d{1,10}$/.test(given)) return Number(given);
  throw new UserError(`SOURCE_DATE_EPOCH: '${given}' is not a number of seconds since 1970`);
}

/** All but the program, the same for every architecture. */
async function sharedEntries(help: Help, time: number): Promise<Entry[]> {
  const plain = (path: string, content: string | Uint8Array): Entry => ({
    path,
    bytes: Buffer.from(content),
    mode: 0o644,
  });
  const zipped = (path: string, content: string) => plain(path, gzipSync(content, { level: 9 }));
  const folder = (path: string): Entry => ({ path, bytes: undefined, mode: 0o755 });
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

/** As sha256sum prints and checks them. */
async function checksums(dir: string): Promise<string> {
  const lines = (await readdir(dir))
    .sort()
    .map(async (name) => `${sha256(await readFile(join(dir, name)))}  ${name}\n`);
  return (await Promise.all(lines)).join("");
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function template(name: string): Promise<string> {
  return (await readFile(join(files, name))).toString();
}
