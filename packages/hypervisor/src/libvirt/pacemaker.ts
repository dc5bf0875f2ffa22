/**
 * Whether a cluster by Pacemaker owns a guest: a resource of its names the file that defines the guest.
 * Reference: ocf:heartbeat:VirtualDomain, whose parameter `config` that file is.
 */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { parseXml, XmlElement } from "@rgrove/parse-xml";
import type { Owner } from "../hypervisor.ts";
import { parseDomain } from "./domain-xml/parse.ts";

/** The cluster's own copy of its configuration; root and the group haclient may read it. */
export const CIB = "/var/lib/pacemaker/cib/cib.xml";

/** Undefined too where the configuration cannot be read: a host without Pacemaker has none. */
export async function pacemakerOwner(guest: string, cib: string): Promise<Owner | undefined> {
  let configs: string[];
  try {
    configs = configsOf(parseXml(await readFile(cib, "utf8")).root!);
  } catch {
    return undefined;
  }
  for (const config of configs) {
    if ((await nameIn(config)) === guest) return { name: "pacemaker", mark: `${cib} has a resource with ${config}` };
  }
  return undefined;
}

/** The files that VirtualDomain resources name, wherever they stand: in groups, clones and templates too. */
function configsOf(root: XmlElement): string[] {
  const resources = [...descendants(root)].filter(
    ({ name, attributes }) => /^(primitive|template)$/.test(name) && attributes.type === "VirtualDomain",
  );
  return resources
    .flatMap((resource) => [...descendants(resource)])
    .filter(({ name, attributes }) => name === "nvpair" && attributes.name === "config")
    .map(({ attributes }) => attributes.value ?? "");
}

function* descendants(parent: XmlElement): Generator<XmlElement> {
  for (const child of parent.children) {
    if (!(child instanceof XmlElement)) continue;
    yield child;
    yield* descendants(child);
  }
}

/** The guest's name in its file; of a file that cannot be read, the file's own, as everybody names it. */
async function nameIn(file: string): Promise<string> {
  try {
    return parseDomain(await readFile(file, "utf8")).name;
  } catch {
    return basename(file, ".xml");
  }
}
