/** Names of network interfaces, as a configuration may have them. */

/** IFNAMSIZ, less the zero byte. */
const LONGEST = 15;

/** What is wrong with one, to stand behind "is"; undefined when nothing is. */
export function interfaceProblem(name: string): string | undefined {
  if (name.includes(":")) return "an alias; name the interface itself";
  const legal =
    name !== "" && name.length <= LONGEST && !name.startsWith(".") && !name.includes("/") && !name.includes(" ");
  return legal ? undefined : "no interface's name; see 'ip link'";
}
