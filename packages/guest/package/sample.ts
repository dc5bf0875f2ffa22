/** The sample configuration: every setting that it shows is the default, so that it changes nothing as it is. */
import type { Help, HelpKey } from "./help.ts";

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
  const keys = help.keys.filter(({ legal }) => legal !== "without effect"); // known for old files' sake only
  return [HEAD, ...keys.flatMap(setting), TAIL].join("\n");
}

function setting({ name, fallback, legal, help }: HelpKey): string[] {
  const values = fallback.map((value) => (value === "" ? `# ${name}: not set` : `#${name} = ${value}`));
  return ["", `# ${help}`, `# (${legal})`, ...values];
}
