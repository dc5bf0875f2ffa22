/** A guest that is told of its q35's timer by our ACPI table: whether its firmware left the timer there, nobody sees from outside. */
import type { Rule } from "../finding.ts";

export const acpiTable: Rule = {
  id: "acpi-table",
  find: ({ hardware }) => {
    if (hardware instanceof Error || !hardware.watchdogs.some(({ model }) => model === "wdat")) return undefined;
    return {
      severity: "note",
      what: "it has the ACPI table (WDAT) of its machine's own timer, which is right for SeaBIOS and OVMF, and for their PMBASE 0x600",
      cure: "in the guest: cat /sys/class/watchdog/*/identity tells wdat_wdt; bernard-guest refuses it where it does not count",
    };
  },
};
