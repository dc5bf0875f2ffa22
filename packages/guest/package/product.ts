/** What every package of one architecture has in common. */
import type { Entry } from "./tree.ts";

export interface Product {
  readonly version: string;
  /** Seconds since 1970: the only time that is in a package. */
  readonly time: number;
  /** What is installed, paths as on a system whose /lib is a link to /usr/lib. */
  readonly entries: readonly Entry[];
  /** A script of `files/`, complete. */
  readonly script: (name: string) => string;
}

export const SUMMARY = "watchdog daemon that feeds only while this guest is healthy";

export const DESCRIPTION: readonly string[] = [
  "Runs in a KVM virtual machine and feeds its emulated watchdog device, such as",
  "i6300esb, only while memory, disks and processes are well. When a check has",
  "failed, the guest is rebooted in order, or feeding ends and the hypervisor",
  "resets it.",
  "",
  "One static program that needs nothing of the guest. It understands the",
  "configuration of watchdog(8) and takes its place.",
];

/** The daemons that fed the device before: one device, one feeder. */
export const FORMERS: readonly string[] = ["watchdog", "watchdogd"];
