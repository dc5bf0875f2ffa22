/**
 * The tables of keys in docs/guest/: what stands between these two lines is written from the program's own help, so that no default
 * and no range in the documentation is ever another than the program's.
 *
 *     <!-- keys: memory-hold memory-end -->
 *     <!-- end of keys -->
 */
import { UserError } from "@bernard/tools";
import type { Help } from "./help.ts";

const TABLE = /(<!-- keys: (.*?) -->\n).*?(<!-- end of keys -->)/gs;

/** `page` with each of its tables written anew, and the keys that they show. */
export function fillTables(page: string, help: Help): { readonly page: string; readonly shown: readonly string[] } {
  const shown: string[] = [];
  const filled = page.replace(TABLE, (_, head: string, names: string, foot: string) => {
    const rows = names.split(/\s+/).map((name) => {
      const key = help.keys.find((candidate) => candidate.name === name);
      if (key === undefined) throw new UserError(`docs/guest names a key that bernard-guest has not: ${name}`);
      shown.push(name);
      const value = key.value === "" ? "" : ` = ${key.value}`;
      return `| \`${name}${cell(value)}\` | ${cell(key.legal)} | ${cell(key.help)} |`;
    });
    return `${head}\n| key and default | legal | |\n| --- | --- | --- |\n${rows.join("\n")}\n\n${foot}`;
  });
  return { page: filled, shown };
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
