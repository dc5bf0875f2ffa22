/** Names of network interfaces, as a configuration may have them. */
import type { Key } from "./config.ts";

/** IFNAMSIZ, less the zero byte. */
const LONGEST = 15;

/** A key that names interfaces. */
export function interfaceKey(name: string, help: string): Key {
  return { name, type: "texts", form: "NAME", most: 16, problemWith, help };
}

/** What is wrong with one, to stand behind "is"; undefined when nothing is. */
function problemWith(name: string): string | undefined {
  if (name.includes(":")) return "an alias; name the interface itself";
  const legal =
    name !== "" && name.length <= LONGEST && !name.startsWith(".") && !name.includes("/") && !name.includes(" ");
  return legal ? undefined : "no interface's name; see 'ip link'";
}
