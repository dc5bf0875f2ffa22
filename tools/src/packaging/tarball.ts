/** The .tar.gz, for machines without dpkg and rpm. */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../run.ts";
import type { Product } from "./product.ts";
import { writeTree } from "./tree.ts";

/** Builds it and returns its file's name. */
export async function buildTarball(product: Product, arch: string, work: string, out: string): Promise<string> {
  const name = `${product.name}-${product.version}-${arch}`;
  await mkdir(work);
  await writeTree(work, product.entries, product.time);
  const members = product.entries.map(({ path }) => path).sort();
  const file = join(out, `${name}.tar`);
  // No folders but our own: unpacked over a root whose /lib or /usr/sbin is a link, they would take its place.
  const options = ["--no-recursion", "--format=gnu", "--owner=root:0", "--group=root:0", "--numeric-owner"];
  const rename = ["--transform", `s,^,${name}/,`];
  await run("tar", ["-C", work, ...options, ...rename, "-cf", file, "-T", "-"], { input: members.join("\n") });
  await run("gzip", ["-9", "--no-name", file]);
  return `${name}.tar.gz`;
}
