/**
 * What a domain's `qemu:commandline` hands to QEMU as it is.
 * Reference: https://libvirt.org/drvqemu.html#pass-through-of-arbitrary-qemu-commands
 */
import type { XmlElement } from "@rgrove/parse-xml";
import { elements, qualified } from "./elements.ts";

export const QEMU_NAMESPACE = "http://libvirt.org/schemas/domain/qemu/1.0";

export interface CommandLine {
  /** Undefined where there is none yet. */
  readonly element: XmlElement | undefined;
  readonly args: readonly { readonly value: string; readonly element: XmlElement }[];
  /** The strap of q35's timer, by which it does nothing; undefined where nobody sets it here. */
  readonly noReboot: boolean | undefined;
  /** Newer QEMUs can make a WDAT of their own for q35's timer. */
  readonly ownWdat: boolean;
}

export function argumentsOf(root: XmlElement): CommandLine {
  const found = elements(root).filter((each) => isQemu(each, "commandline"));
  const args = found
    .flatMap((each) => elements(each))
    .filter((each) => isQemu(each, "arg"))
    .map((element) => ({ value: element.attributes.value ?? "", element }));
  return {
    element: found.findLast((each) => elements(each).length > 0),
    args,
    noReboot: chipsetSwitch(args, "noreboot"),
    ownWdat: chipsetSwitch(args, "wdat") ?? false,
  };
}

/** How a property of q35's chipset is set at last: `ICH9-LPC.noreboot=on`, `driver=ICH9-LPC,property=noreboot,value=on`. */
function chipsetSwitch(args: CommandLine["args"], property: string): boolean | undefined {
  const last = args.findLast(
    ({ value }, place) =>
      /^--?global$/.test(args[place - 1]?.value ?? "") && value.includes("ICH9-LPC") && value.includes(property),
  );
  return last && !/=(off|false|no|n)$/.test(last.value);
}

function isQemu(element: XmlElement, name: string): boolean {
  const found = qualified(element);
  return found.name === name && found.namespace === QEMU_NAMESPACE;
}
