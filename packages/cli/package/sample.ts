/** /etc/bernard/host.yaml as it is installed: every key with its default, commented out, so that it changes nothing as it is. */
import { type ConfigKey, configKeys, receiverKinds } from "@bernard/host/config-keys";

const HEAD = `# Configuration of 'bernard host'; host.yaml(5) tells more.
#
# Every setting below is the default, and commented out. To change one, remove its '#' and write another value; of a key in a
# section, remove the section's too. 'bernard host --check' tells whether all is legal, 'systemctl reload bernard-host' puts it in force.`;

export function sample(): string {
  return [HEAD, ...configKeys().flatMap((key) => (key.name === "alerts" ? alerts(key) : setting(key, "")))]
    .join("\n")
    .concat("\n");
}

function setting({ name, help, legal, fallback, example, keys }: ConfigKey, indent: string): string[] {
  const said = ["", `# ${indent}${help}${legal === "" ? "" : ` (${legal})`}`];
  if (keys.length > 0) return [...said, `#${indent}${name}:`, ...keys.flatMap((key) => setting(key, `${indent}  `))];
  if (fallback === undefined) return [...said, `# ${indent}Not set; for example:`, `#${indent}${name}: ${example}`];
  return [...said, `#${indent}${name}: ${fallback}`];
}

/** One of each kind. */
function alerts({ name, help }: ConfigKey): string[] {
  const kinds = receiverKinds().flatMap(({ help, keys }, index) => [
    `#  # ${help}`,
    `#  example-${index + 1}:`,
    ...keys.map((key) => `#    ${key.name}: ${key.example}`),
  ]);
  return ["", `# ${help} Nobody, until you name some; for example:`, `#${name}:`, ...kinds];
}
