/** Collects the facts about a guest's protection from its hypervisor, and from the guest where that may be asked. */
import { type Guest, type Hardware, type Hypervisor, HypervisorError, isFailure } from "@bernard/hypervisor";
import type { Facts } from "./facts.ts";
import { listen } from "./listen.ts";
import { lookInside } from "./look-inside.ts";

/** Milliseconds for each call to the hypervisor. */
const ANSWER_MS = 5000;

/** Milliseconds for the first counts, for which a new libvirtd asks every QEMU on its host what it can; 9 s were seen. */
const COUNT_MS = 15_000;

/**
 * At most some 40 s; of one that answers, most of it is the wait for a beat.
 * @throws HypervisorError `gone`, `unreachable`; whatever else goes wrong with this guest is a fact about it
 */
export async function collect(hypervisor: Hypervisor, guest: Guest, libvirt: string | undefined): Promise<Facts> {
  const within = { deadlineMs: ANSWER_MS };
  try {
    const [hardware, nextStart] = await Promise.all([
      hypervisor.hardware(guest, "now", within),
      hypervisor.hardware(guest, "next-start", within).catch(orUndefined),
      mustAnswer(hypervisor, guest),
    ]);
    const [heard, inside, fireMark] = await Promise.all([
      listen(hypervisor, guest, hardware),
      lookInside(hypervisor, guest, hardware),
      fireMarkOf(hypervisor, guest, hardware),
    ]);
    return { guest, hardware, nextStart, libvirt, heard, inside, fireMark };
  } catch (error) {
    if (!(error instanceof HypervisorError) || error.kind === "gone" || error.kind === "unreachable") throw error;
    const unknown = {
      nextStart: undefined,
      heard: { state: "unasked" },
      inside: undefined,
      fireMark: undefined,
    } as const;
    return { guest, hardware: error, libvirt, ...unknown };
  }
}

/** An emulator that answers nothing carries out no action of its watchdog device either. */
async function mustAnswer(hypervisor: Hypervisor, guest: Guest): Promise<void> {
  if (guest.state !== "running") return;
  try {
    await hypervisor.counters(guest, { deadlineMs: COUNT_MS });
  } catch (error) {
    if (!isFailure(error, "unsupported") && !isFailure(error, "wrong-state")) throw error;
  }
}

/** Nobody keeps a definition of it. */
function orUndefined(error: unknown): undefined {
  if (isFailure(error, "gone") || isFailure(error, "unsupported")) return undefined;
  throw error;
}

/** Asked only where a guest may have lived on after a fire, since libvirt marks a guest whose monitor is used. */
async function fireMarkOf(hypervisor: Hypervisor, guest: Guest, hardware: Hardware): Promise<boolean | undefined> {
  const { watchdogs, action } = hardware;
  if (!hypervisor.abilities.has("fire-mark") || !watchdogs.some(({ model }) => model === "i6300esb")) return undefined;
  if (guest.state !== "running" || action === "reset" || action === "poweroff") return undefined;
  return await hypervisor.fireMark(guest, { deadlineMs: ANSWER_MS });
}
