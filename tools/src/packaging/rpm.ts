/** The .rpm, by Debian's rpmbuild. */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { run } from "../run.ts";
import type { Product } from "./product.ts";
import { writeTree } from "./tree.ts";

/** What of the machine and of its settings would get into the file, or change others' files. */
const DEFINES = {
  _buildhost: "bernard",
  use_source_date_epoch_as_buildtime: "1",
  clamp_mtime_to_source_date_epoch: "1",
  source_date_epoch_from_changelog: "0",
  _build_id_links: "none",
  debug_package: "%{nil}",
  __os_install_post: "%{nil}",
  _binary_payload: "w6.xzdio",
  _build_name_fmt: "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
};

/** Builds it and returns its file's name. */
export async function buildRpm(product: Product, arch: string, work: string, out: string): Promise<string> {
  const tree = join(work, "tree");
  await mkdir(tree, { recursive: true });
  await writeTree(tree, product.entries, product.time);
  const file = join(work, `${product.name}.spec`);
  await writeFile(file, spec(product, tree));
  const defines = Object.entries({ ...DEFINES, _topdir: work, _rpmdir: out });
  await run(
    "rpmbuild",
    ["-bb", "--target", `${arch}-linux`, ...defines.flatMap(([name, value]) => ["--define", `${name} ${value}`]), file],
    // HOME: a developer's own macros are none of ours
    { env: { ...process.env, LC_ALL: "C", HOME: work, SOURCE_DATE_EPOCH: String(product.time) } },
  );
  return `${product.name}-${product.version}-1.${arch}.rpm`;
}

function spec(product: Product, tree: string): string {
  const files = product.entries.map(({ path, bytes, mode, configuration }) => {
    const kind = bytes === undefined ? "%dir " : configuration ? "%config(noreplace) " : "";
    return `%attr(0${mode.toString(8)}, root, root) ${kind}/${path}`;
  });
  const lines = (tag: string, names: readonly string[]) => names.map((name) => `${tag}: ${name}\n`).join("");
  // Conflicts and no Obsoletes: that would move every machine with watchdog to us as soon as it sees our repository.
  return `Name: ${product.name}
Version: ${product.version}
Release: 1
Summary: ${product.summary}
License: ${product.license}
AutoReqProv: no
${lines("Requires", product.needs.rpm)}${lines("Conflicts", product.formers)}
%description
${product.description.join("\n")}

%install
mkdir -p %{buildroot}
cp -a ${tree}/. %{buildroot}/

%post
${product.script("rpm.post")}
%preun
${product.script("rpm.preun")}
%postun
${product.script("rpm.postun")}
%files
${ownFolders(product)
  .map((folder) => `%dir /${folder}\n`)
  .join("")}${files.join("\n")}
`;
}

/** Folders that are ours alone, below one of our name, and that no entry names. */
function ownFolders({ name, entries }: Product): string[] {
  const own = new Set<string>();
  for (const { path } of entries) {
    for (let above = dirname(path); above.split("/").includes(name); above = dirname(above)) own.add(above);
  }
  for (const { path } of entries) own.delete(path);
  return [...own].sort();
}
