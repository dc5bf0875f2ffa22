/** The sample configuration: every setting that it shows is the default, so that it changes nothing as it is. */
import { UserError } from "@bernard/tools";
import type { Key } from "../src/config.ts";
import { keys } from "../src/settings.ts";
import type { Help } from "./help.ts";

/** More of the configuration, a file each. */
export const CONF_FOLDER = "/etc/bernard-guest.conf.d";

const HEAD = `# Configuration of bernard-guest(8); bernard-guest.conf(5) tells more.
#
# Every setting below is the default. To change one, remove its '#' and write another value; 'bernard-guest --check' tells
# whether it is legal, 'systemctl reload bernard-guest' puts it in force.`;

const TAIL = `
# Settings of tools and packages: each *.conf in there. They replace what stands above this line.
include = ${CONF_FOLDER}/
`;

export function sample(help: Help): string {
  const shown = keys.filter(({ type }) => type !== "retired"); // known for old files' sake only
  return [HEAD, ...shown.flatMap((key) => setting(key, help)), TAIL].join("\n");
}

function setting(key: Key, help: Help): string[] {
  const said = help.keys.find(({ name }) => name === key.name);
  if (said === undefined) throw new UserError(`bernard-guest --help does not name the key ${key.name}`);
  const values = defaults(key).map((value) => `#${key.name} = ${value}`);
  if (values.length === 0) values.push(`# ${key.name}: not set${said.value === "" ? "" : ` (${said.value})`}`);
  return ["", `# ${said.help}`, `# (${said.legal})`, ...values];
}

/** As they are written in the file, one for each line. */
function defaults(key: Key): readonly string[] {
  if (!("fallback" in key)) return [];
  if (typeof key.fallback === "boolean") return [key.fallback ? "yes" : "no"];
  return typeof key.fallback === "object" ? key.fallback : [String(key.fallback)];
}
