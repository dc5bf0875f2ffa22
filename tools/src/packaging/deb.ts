/** The .deb: dpkg-deb's own format by dpkg-deb. */
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../run.ts";
import type { Product } from "./product.ts";
import { type Entry, writeTree } from "./tree.ts";

/** Builds it and returns its file's name. What is not compressed is quickly installed, by tests. */
export async function buildDeb(
  product: Product,
  arch: string,
  work: string,
  out: string,
  compression: "xz" | "none" = "xz",
): Promise<string> {
  const name = `${product.name}_${product.version}_${arch}.deb`;
  // Where Debian and Ubuntu look for units whose /lib is still a folder of its own.
  const entries = product.entries.map((entry) => ({
    ...entry,
    path: entry.path.replace(/^usr\/lib\/systemd/, "lib/systemd"),
  }));
  const script = (file: string, content: string): Entry => ({
    path: `DEBIAN/${file}`,
    bytes: Buffer.from(content),
    mode: 0o755,
  });
  const data = (file: string, content: string): Entry => ({ ...script(file, content), mode: 0o644 });
  await mkdir(work);
  await writeTree(
    work,
    [
      ...entries,
      data("control", control(product, arch)),
      data("conffiles", entries.flatMap((entry) => (entry.configuration ? [`/${entry.path}\n`] : [])).join("")),
      data("md5sums", entries.map(md5sum).join("")),
      script("postinst", product.script("deb.postinst")),
      script("prerm", product.script("deb.prerm")),
      script("postrm", product.script("deb.postrm")),
    ],
    product.time,
  );
  // Several threads would cut the data elsewhere.
  const options = ["--root-owner-group", `-Z${compression}`, "--threads-max=1"];
  await run("dpkg-deb", [...options, "--build", work, join(out, name)], {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(product.time) },
  });
  return name;
}

function control(product: Product, arch: string): string {
  const kib = product.entries.reduce((sum, { bytes }) => sum + Math.ceil((bytes?.length ?? 1) / 1024), 0);
  const relation = (field: string, names: readonly string[]) =>
    names.length === 0 ? "" : `${field}: ${names.join(", ")}\n`;
  return `Package: ${product.name}
Version: ${product.version}
Architecture: ${arch}
Maintainer: Bernard developers <bernard@localhost>
Installed-Size: ${kib}
Section: admin
Priority: optional
${relation("Depends", product.needs.deb)}${relation("Conflicts", product.formers)}${relation("Replaces", product.formers)}Description: ${product.summary}
${product.description.map((line) => ` ${line || "."}`).join("\n")}
`;
}

function md5sum({ path, bytes, configuration }: Entry): string {
  return bytes === undefined || configuration ? "" : `${createHash("md5").update(bytes).digest("hex")}  ${path}\n`;
}
