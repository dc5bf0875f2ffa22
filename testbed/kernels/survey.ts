/** Boots a kernel of Debian's on machines with different watchdog devices and sees which of them it drives. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cached, run, type Say, UserError, unpack } from "@bernard/tools";
import { buildInitrd, type GuestFile } from "../src/initrd.ts";
import { modulesOf, releaseOf } from "../src/kernel-package.ts";
import { dependenciesOf } from "../src/modules.ts";

export type Arch = "amd64" | "arm64";

export interface Device {
  readonly name: string;
  /** What the kernel calls it. */
  readonly identity: string;
  /** The options of QEMU that make a machine with it, and with no other. */
  readonly machine: Readonly<Partial<Record<Arch, readonly string[]>>>;
}

export type Driven = "by itself" | "by name" | "no driver" | "no such device";

/** Modules that drive a watchdog device, or find the chipset that has one. */
const DRIVERS = ["i6300esb", "ib700wdt", "lpc_ich", "iTCO_wdt", "wdat_wdt"];

const COMMAND_LINE = "quiet mitigations=off oops=panic panic=-1";

const QEMU: Readonly<Record<Arch, { readonly program: string; readonly options: readonly string[] }>> = {
  amd64: { program: "qemu-system-x86_64", options: ["-append", `console=ttyS0 no_timer_check ${COMMAND_LINE}`] },
  arm64: {
    program: "qemu-system-aarch64",
    options: ["-cpu", "cortex-a57", "-append", `console=ttyAMA0 ${COMMAND_LINE}`],
  },
};

/** Seconds; emulated on an idle machine a boot takes 5 to 20. */
const BOOT_S = 120;

/** Emulated by QEMU 7.2, the cloud kernel of 6.12 has an oops in its memory management now and then; such a boot tells nothing. */
const ATTEMPTS = 5;

/** Its version, and what becomes of each of `devices`. */
export async function survey(
  packageName: string,
  arch: Arch,
  devices: readonly Device[],
  say: Say,
): Promise<{ readonly release: string; readonly driven: readonly Driven[] }> {
  const unpacked = await unpack(`kernels-${packageName.replace(/:.*/, "")}`, [packageName], say);
  const release = await releaseOf(unpacked);
  const initrd = await buildSurveyInitrd(unpacked, release, arch, say);
  const kernel = join(unpacked, "boot", `vmlinuz-${release}`);
  const driven: Driven[] = [];
  for (const { identity, machine } of devices) {
    const options = machine[arch];
    if (options === undefined) {
      driven.push("no such device");
      continue;
    }
    const said = await boot(arch, kernel, initrd, options);
    const found = (["by itself", "by name"] as const).find((how) => said.includes(`${how}: ${identity}`));
    driven.push(found ?? "no driver");
  }
  return { release, driven };
}

/** The lines that the guest wrote. */
async function boot(arch: Arch, kernel: string, initrd: string, machine: readonly string[]): Promise<string[]> {
  const { program, options } = QEMU[arch];
  const args = [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot", "-m", "512"],
    ...["-action", "watchdog=none", "-kernel", kernel, "-initrd", initrd, ...options, ...machine],
  ];
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const limited = ["--preserve-status", String(BOOT_S), program, ...args];
    const lines = (await run("timeout", limited)).toString().split(/\r*\n/);
    if (lines.includes("the end")) return lines;
  }
  throw new UserError(`${kernel} does not boot on ${machine.join(" ")}`, "boot it by hand and look at its console");
}

async function buildSurveyInitrd(unpacked: string, release: string, arch: Arch, say: Say): Promise<string> {
  const busybox = await unpack(`kernels-busybox-${arch}`, [`busybox-static:${arch}`], say);
  const modules = await cached(
    {
      name: `kernels-modules-${release}`,
      inputs: [unpacked, ...DRIVERS],
      files: [import.meta.filename],
      build: (dir) => collect(unpacked, release, dir),
    },
    say,
  );
  const files = new Map<string, GuestFile>([
    ["bin/busybox", { from: join(busybox, "bin/busybox"), executable: true }],
    ["init", { from: join(import.meta.dirname, "init"), executable: true }],
    ["modules", { from: join(modules, "modules"), executable: false }],
  ]);
  const tree = `lib/modules/${release}`;
  for (const file of (await run("find", [join(modules, tree), "-type", "f", "-printf", "%P\\n"]))
    .toString()
    .trim()
    .split("\n")) {
    files.set(`${tree}/${file}`, { from: join(modules, tree, file), executable: false });
  }
  return buildInitrd(`kernels-initrd-${release}`, files, say);
}

/** The drivers that the kernel has, with what they need, as depmod lays them out; and their names. */
async function collect(unpacked: string, release: string, dir: string): Promise<void> {
  const modules = await modulesOf(unpacked, release);
  const tree = join(dir, "lib/modules", release);
  await run("mkdir", ["-p", tree]);
  const done = new Set<string>();
  const add = async (name: string): Promise<void> => {
    const module = done.has(name) ? undefined : await modules.read(name);
    if (module === undefined) return;
    done.add(name);
    await writeFile(join(tree, `${name}.ko`), module);
    for (const needed of dependenciesOf(module)) await add(needed);
  };
  for (const name of DRIVERS) await add(name);
  await run("depmod", ["-b", dir, release]);
  await writeFile(join(dir, "modules"), DRIVERS.filter((name) => done.has(name)).join("\n"));
}
