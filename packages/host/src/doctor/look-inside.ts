/** Asks a guest's qemu-guest-agent for its kernel and the watchdog devices that this drives. All that it says is untrusted. */
import { AGENT_CHANNEL, type AgentCommand, type Guest, type Hardware, type Hypervisor } from "@bernard/hypervisor";
import type { Driven, Inside } from "./facts.ts";

/** Milliseconds for each question. */
const ANSWER_MS = 5000;

/** Longest text taken, in characters. */
const MAX_TEXT = 200;

/** Devices that are looked at: watchdog0 and on. */
const MAX_DEVICES = 4;

/** The kernel's own timer, which dies with the kernel. */
const SOFTWARE = /^software watchdog$/i;

type Ask = (execute: string, args?: AgentCommand["arguments"]) => Promise<unknown>;

/** Undefined where there is no agent, or none that answers. */
export async function lookInside(
  hypervisor: Hypervisor,
  guest: Guest,
  hardware: Hardware,
): Promise<Inside | undefined> {
  const agent = hardware.channels.find(({ name }) => name === AGENT_CHANNEL);
  if (guest.state !== "running" || agent === undefined || agent.open === false) return undefined;
  if (!hypervisor.abilities.has("agent")) return undefined;
  const ask: Ask = (execute, args) =>
    hypervisor.agent(guest, { execute, ...(args && { arguments: args }) }, { deadlineMs: ANSWER_MS });
  let system: unknown;
  try {
    system = await ask("guest-get-osinfo");
  } catch {
    return undefined;
  }
  const id = textOf(system, "id");
  const version = textOf(system, "version-id");
  return {
    kernel: textOf(system, "kernel-release"),
    system: id === undefined ? undefined : `${id} ${version ?? ""}`.trim(),
    devices: await devicesOf(ask, hardware),
    crashKernel: await isCrashKernelLoaded(ask),
  };
}

/** Undefined where the agent may not read files. */
async function devicesOf(ask: Ask, hardware: Hardware): Promise<Driven[] | undefined> {
  try {
    const devices: Driven[] = [];
    for (let number = 0; number < MAX_DEVICES; number++) {
      const folder = `/sys/class/watchdog/watchdog${number}`;
      const identity = await readFile(ask, `${folder}/identity`);
      if (identity === undefined || SOFTWARE.test(identity)) continue;
      const state = await readFile(ask, `${folder}/state`);
      const timeout = Number(await readFile(ask, `${folder}/timeout`));
      devices.push({ identity, active: state === "active", timeoutS: timeout > 0 ? timeout : undefined });
    }
    if (hardware.watchdogs.some(({ model }) => model === "ib700")) {
      // Its driver is older than the kernel's class of watchdogs: all that can be seen is whether a program holds it.
      const users = await readFile(ask, "/sys/module/ib700wdt/refcnt");
      if (users !== undefined) devices.push({ identity: "IB700 WDT", active: Number(users) > 0, timeoutS: undefined });
    }
    return devices;
  } catch {
    return undefined;
  }
}

async function isCrashKernelLoaded(ask: Ask): Promise<boolean | undefined> {
  try {
    const loaded = await readFile(ask, "/sys/kernel/kexec_crash_loaded");
    return loaded === undefined ? undefined : loaded === "1";
  } catch {
    return undefined;
  }
}

/** Undefined where there is no such file. @throws where the agent does not let us read it */
async function readFile(ask: Ask, path: string): Promise<string | undefined> {
  let handle: unknown;
  try {
    handle = await ask("guest-file-open", { path, mode: "r" });
  } catch (error) {
    if (error instanceof Error && error.message.includes("No such file")) return undefined;
    throw error;
  }
  try {
    const content = textOf(await ask("guest-file-read", { handle, count: MAX_TEXT }), "buf-b64", 2 * MAX_TEXT);
    return Buffer.from(content ?? "", "base64")
      .toString()
      .trim();
  } finally {
    await ask("guest-file-close", { handle }).catch(() => {}); // it closes what is left when it ends
  }
}

function textOf(value: unknown, key: string, max = MAX_TEXT): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const text = (value as Readonly<Record<string, unknown>>)[key];
  return typeof text === "string" ? text.slice(0, max) : undefined;
}
