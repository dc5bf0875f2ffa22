/** Finds out which kernel modules a wanted one needs, from the modules themselves. */
import { UserError } from "@bernard/tools";

/** A module's name as the kernel compares it: `dm-mod.ko` and `dm_mod` are the same. */
export const moduleName = (file: string): string => file.replace(/^.*\//, "").replace(/\.ko$/, "").replaceAll("-", "_");

/**
 * What a module says of itself in its `.modinfo` section, one NUL-terminated string per fact:
 *
 *     depends=virtio_ring,virtio_pci_modern_dev,virtio
 *
 * Debian's kernel package holds no `modules.dep`: depmod writes that when the package is installed.
 */
export function dependenciesOf(module: Buffer): string[] {
  const start = module.indexOf("\0depends=");
  if (start < 0) return [];
  const from = start + "\0depends=".length;
  const list = module.toString("latin1", from, module.indexOf(0, from));
  return list === "" ? [] : list.split(",").map(moduleName);
}

/** `wanted` and all that they need, each once and after what it needs. */
export function loadOrder(wanted: readonly string[], dependencies: (name: string) => readonly string[]): string[] {
  const order: string[] = [];
  const visit = (name: string, path: readonly string[]): void => {
    if (order.includes(name)) return;
    if (path.includes(name)) throw new UserError(`kernel modules need each other: ${[...path, name].join(" -> ")}`);
    for (const needed of dependencies(name)) visit(needed, [...path, name]);
    order.push(name);
  };
  for (const name of wanted) visit(moduleName(name), []);
  return order;
}
