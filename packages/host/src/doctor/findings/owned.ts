/** A guest that something else defines: what is changed here, it may undo. */
import type { Owner } from "@bernard/hypervisor";
import type { Rule } from "../finding.ts";

const WHERE: Readonly<Record<Owner["name"], string>> = {
  nova: "change it there: hw:watchdog_action of its flavour, hw_watchdog_action of its image",
  ovirt: "change it there: the watchdog under its high availability settings",
  kubevirt: "change it there: spec.template.spec.domain.devices.watchdog of its VirtualMachine",
  pacemaker: "change it in the XML that its VirtualDomain resource starts it from, on every node",
  proxmox: "change it there: qm set ID --watchdog model=i6300esb,action=reset",
};

export const owned: Rule = {
  id: "owned",
  find: ({ hardware }) =>
    hardware instanceof Error || hardware.owner === undefined
      ? undefined
      : {
          severity: "note",
          what: `${hardware.owner.name} owns it (${hardware.owner.mark})`,
          cure: WHERE[hardware.owner.name],
        },
};
