/** Writes all packages of a program into one folder: .deb, .rpm and .tar.gz for each architecture, SBOM, SHA256SUMS. */
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Say } from "../cached.ts";
import { ensureInstalled } from "../debian.ts";
import { root } from "../paths.ts";
import { atProcessEnd } from "../process-end.ts";
import { run } from "../run.ts";
import { UserError } from "../user-error.ts";
import { buildDeb } from "./deb.ts";
import type { ArchNames, Product } from "./product.ts";
import { buildRpm } from "./rpm.ts";
import { sha256 } from "./sbom.ts";
import { buildTarball } from "./tarball.ts";

/** Debian packages that bring the package formats. */
const packageTools: readonly string[] = ["rpm", "xz-utils"];

/** Debian packages that their tests run beside them. */
export const packageTestTools: readonly string[] = [...packageTools, "systemd"];

export interface PackageOptions {
  readonly version: string;
  /** Seconds since 1970, of every file in the packages. */
  readonly time: number;
  /** Replaced as a whole. */
  readonly out: string;
  readonly say: Say;
}

/** A product for one architecture, under the names that others have for that. */
export interface Packaging {
  readonly names: ArchNames;
  readonly product: Product;
}

/** Builds into `out`, whole or not at all. The same products give the same bytes. */
export async function writePackages(
  packagings: readonly [Packaging, ...Packaging[]],
  sbom: string,
  out: string,
  say: Say,
): Promise<void> {
  await ensureInstalled(packageTools, say);
  const { name, version } = packagings[0].product;
  const work = `${out}.${randomUUID()}.tmp`;
  const forget = atProcessEnd(() => rmSync(work, { recursive: true, force: true }));
  try {
    const finished = join(work, "out");
    await mkdir(finished, { recursive: true });
    for (const { names, product } of packagings) {
      say(`packing ${name} ${version} for ${names.tar}`);
      await Promise.all([
        buildDeb(product, names.deb, join(work, `deb-${names.tar}`), finished),
        buildRpm(product, names.rpm, join(work, `rpm-${names.tar}`), finished),
        buildTarball(product, names.tar, join(work, `tar-${names.tar}`), finished),
      ]);
    }
    await writeFile(join(finished, `${name}-${version}.cdx.json`), sbom);
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

/** As sha256sum prints and checks them. */
async function checksums(dir: string): Promise<string> {
  const lines = (await readdir(dir))
    .sort()
    .map(async (name) => `${sha256(await readFile(join(dir, name)))}  ${name}\n`);
  return (await Promise.all(lines)).join("");
}
