/**
 * The generated parts of docs/devices.md, so that it never says anything that no test proves:
 *
 *     <!-- registers: i6300esb -->    the registers of a device
 *     <!-- vectors: unlock -->        the facts of a chapter, each with the script that shows it
 *     <!-- diagram: SCRIPT -->        what the model does over the time of a script
 *     <!-- wdat: q35 -->              the entries of that machine's ACPI table
 *     <!-- end -->                    closes each
 */
import { q35Wdat, type WdatEntry } from "../src/index.ts";
import { vectors } from "../vectors/all.ts";
import { registers } from "../vectors/registers.ts";
import { diagram } from "./diagram.ts";

const PART = /(<!-- (registers|vectors|diagram|wdat): (.*?) -->\n).*?(<!-- end -->)/gs;

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
          : kind === "wdat"
            ? wdatTable()
            : `\`\`\`text\n${diagram(name)}\n\`\`\``;
    return `${head}\n${part}\n\n${foot}`;
  });
  return { page: filled, chapters };
}

function registerTable(device: string): string {
  if (!(device in registers)) throw new Error(`no table of registers: ${device}`);
  const rows = registers[device as keyof typeof registers].map(
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

function wdatTable(): string {
  const actions = new Map<WdatEntry["action"], string[]>();
  for (const entry of q35Wdat.entries) {
    actions.set(entry.action, [...(actions.get(entry.action) ?? []), accessOf(entry)]);
  }
  const rows = [...actions].map(([action, accesses]) => `| ${action} | ${accesses.join("; ")} |`);
  return ["| action | what the driver does |", "| --- | --- |", ...rows].join("\n");
}

/** As in a script, with the bits that are meant where they are not the first of the register. */
function accessOf({ instruction, preserve, field, value }: WdatEntry): string {
  const { space, address, bytes, bitOffset, bits } = field;
  const last = bitOffset + bits - 1;
  const places = last === bitOffset ? `bit ${last}` : `bits ${last} to ${bitOffset}`;
  const where = `\`${space}${8 * bytes}[0x${address.toString(16)}]\`, ${places}`;
  const others = preserve ? ", the others kept" : "";
  switch (instruction) {
    case "read value":
      return `${where}: is it ${value}?`;
    case "read count":
      return `${where}: read the count`;
    case "write value":
      return `${where} := ${value}${others}`;
    case "write count":
      return `${where} := the count${others}`;
  }
}
