/** The .rpm, by Debian's rpmbuild. */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { run } from "@bernard/tools";
import { DESCRIPTION, FORMERS, type Product, SUMMARY } from "./product.ts";
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
  await writeFile(join(work, "bernard-guest.spec"), spec(product, tree));
  const defines = Object.entries({ ...DEFINES, _topdir: work, _rpmdir: out });
  await run(
    "rpmbuild",
    [
      "-bb",
      "--target",
      `${arch}-linux`,
      ...defines.flatMap(([name, value]) => ["--define", `${name} ${value}`]),
      join(work, "bernard-guest.spec"),
    ],
    // HOME: a developer's own macros are none of ours
    { env: { ...process.env, LC_ALL: "C", HOME: work, SOURCE_DATE_EPOCH: String(product.time) } },
  );
  return `bernard-guest-${product.version}-1.${arch}.rpm`;
}

function spec(product: Product, tree: string): string {
  const files = product.entries.map(({ path, bytes, mode, configuration }) => {
    const kind = bytes === undefined ? "%dir " : configuration ? "%config(noreplace) " : "";
    return `%attr(0${mode.toString(8)}, root, root) ${kind}/${path}`;
  });
  // Conflicts and no Obsoletes: that would move every machine with watchdog to us as soon as it sees our repository.
  return `Name: bernard-guest
Version: ${product.version}
Release: 1
Summary: ${SUMMARY}
License: Apache-2.0 AND MIT
AutoReqProv: no
${FORMERS.map((former) => `Conflicts: ${former}`).join("\n")}

%description
${DESCRIPTION.join("\n")}

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
%dir /usr/share/doc/bernard-guest
%dir /usr/share/doc/bernard-guest/examples
${files.join("\n")}
`;
}
