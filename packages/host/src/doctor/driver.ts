/** Kernels that are known to come without a driver for a watchdog device. */
import type { Inside } from "./facts.ts";

interface Kernels {
  /** For people. */
  readonly name: string;
  /** Of the kernel's release, or of the system's id and version where `of` says so. */
  readonly pattern: RegExp;
  readonly of: "kernel" | "system";
  readonly lacks: readonly string[];
  /** Whether it drives q35's own timer once an ACPI table tells it of it: docs/guest/kernels.md. */
  readonly hasWdat: boolean;
}

const KERNELS: readonly Kernels[] = [
  {
    name: "Debian's cloud kernel 6.1",
    pattern: /^6\.1\..*-cloud-/,
    of: "kernel",
    lacks: ["i6300esb", "ib700", "itco"],
    hasWdat: true,
  },
  // It has i6300esb since then.
  {
    name: "Debian's cloud kernel",
    pattern: /-cloud-(amd64|arm64)$/,
    of: "kernel",
    lacks: ["ib700", "itco"],
    hasWdat: true,
  },
  { name: "Amazon Linux 2023", pattern: /^amzn 2023/, of: "system", lacks: ["i6300esb"], hasWdat: false },
];

/** Its kernel, where that lacks a driver for every one of the models. */
export function kernelWithoutDriver(inside: Inside, models: readonly string[]): Kernels | undefined {
  return KERNELS.find(({ pattern, of, lacks }) => {
    const text = inside[of];
    return text !== undefined && pattern.test(text) && models.every((model) => lacks.includes(model));
  });
}
