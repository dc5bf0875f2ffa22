/** What every package of bernard-guest has in common. */
import type { Product } from "@bernard/tools/packaging";

export const PRODUCT: Omit<Product, "version" | "time" | "entries" | "script"> = {
  name: "bernard-guest",
  summary: "watchdog daemon that feeds only while this guest is healthy",
  description: [
    "Runs in a KVM virtual machine and feeds its emulated watchdog device, such as",
    "i6300esb, only while memory, disks and processes are well. When a check has",
    "failed, the guest is rebooted in order, or feeding ends and the hypervisor",
    "resets it.",
    "",
    "One static program that needs nothing of the guest. It understands the",
    "configuration of watchdog(8) and takes its place.",
  ],
  license: "Apache-2.0 AND MIT",
  // The daemons that fed the device before: one device, one feeder.
  formers: ["watchdog", "watchdogd"],
  needs: { deb: [], rpm: [] },
};
