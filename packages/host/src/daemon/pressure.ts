/** The host's own pressure, as Linux tells it; a kernel without PSI has none to tell. */
import { readFile } from "node:fs/promises";
import type { HostPressure } from "../engine/input.ts";

export async function hostPressure(dir = "/proc/pressure"): Promise<HostPressure> {
  const [cpu, memory, io] = await Promise.all(
    ["cpu", "memory", "io"].map((name) => readFile(`${dir}/${name}`, "utf8").catch(() => "")),
  );
  return { cpuSome: avg10(cpu, "some"), memoryFull: avg10(memory, "full"), ioFull: avg10(io, "full") };
}

/** `some avg10=1.53 avg60=0.87 avg300=0.52 total=1089236` -> 1.53 */
function avg10(text = "", line: "some" | "full"): number {
  return Number(new RegExp(`^${line} avg10=([0-9.]+)`, "m").exec(text)?.[1] ?? 0);
}
