/**
 * The generated parts of docs/devices.md, so that it never says anything that no test proves:
 *
 *     <!-- registers: i6300esb -->    the registers of a device
 *     <!-- vectors: unlock -->        the facts of a chapter, each with the script that shows it
 *     <!-- diagram: SCRIPT -->        what the model does over the time of a script
 *     <!-- end -->                    closes each
 */
import { i6300esbVectors } from "../vectors/i6300esb.ts";
import { ib700Vectors } from "../vectors/ib700.ts";
import { registers } from "../vectors/registers.ts";
import { diagram } from "./diagram.ts";

const PART = /(<!-- (registers|vectors|diagram): (.*?) -->\n).*?(<!-- end -->)/gs;

const vectors = [...i6300esbVectors, ...ib700Vectors];

/** `page` with each of its generated parts written anew, and the chapters that it shows. */
export function fillPage(page: string): { readonly page: string; readonly chapters: readonly string[] } {
  const chapters: string[] = [];
  const filled = page.replace(PART, (_, head: string, kind: string, name: string, foot: string) => {
    if (kind === "vectors") chapters.push(name);
    const part =
      kind === "registers"
        ? registerTable(name)
        : kind === "vectors"
          ? vectorTable(name)
          : `\`\`\`text\n${diagram(name)}\n\`\`\``;
    return `${head}\n${part}\n\n${foot}`;
  });
  return { page: filled, chapters };
}

function registerTable(device: string): string {
  if (device !== "i6300esb" && device !== "ib700") throw new Error(`no table of registers: ${device}`);
  const rows = registers[device].map(
    (it) => `| ${it.name} | ${it.where} | ${it.bits} | ${it.access} | ${it.meaning} |`,
  );
  return ["| register | where | bits | | |", "| --- | --- | --- | --- | --- |", ...rows].join("\n");
}

function vectorTable(about: string): string {
  const chapter = vectors.filter((vector) => vector.about === about);
  if (chapter.length === 0) throw new Error(`no chapter of vectors: ${about}`);
  const rows = chapter.map(({ fact, script, only }) => {
    const version = only === undefined ? "" : only === "10.2" ? " (QEMU from 10.2 on)" : " (QEMU before 10.2)";
    return `| ${fact}${version} | \`${script}\` |`;
  });
  return ["| fact | shown by |", "| --- | --- |", ...rows].join("\n");
}
