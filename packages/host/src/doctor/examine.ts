/** Examines guests, many at a time, so that one that answers nothing holds up no other. */
import { type Guest, type Hypervisor, isFailure } from "@bernard/hypervisor";
import { collect } from "./collect.ts";
import { diagnose } from "./diagnose.ts";
import type { Facts } from "./facts.ts";
import { type Feeder, feeder } from "./feeder.ts";
import type { Finding } from "./finding.ts";

export interface Examined {
  readonly guest: Guest;
  readonly facts: Facts;
  /** Undefined where there is no device to feed, or where that is not known, and of a guest that is off. */
  readonly feeder: Feeder | undefined;
  /** The gravest first. */
  readonly findings: readonly Finding[];
}

/** Guests at a time: most of an examination is the wait for a beat. */
const AT_A_TIME = 32;

/**
 * In the guests' order; one that is gone meanwhile is left out.
 * @throws HypervisorError where the hypervisor itself cannot be asked
 */
export async function* examine(hypervisor: Hypervisor, guests: readonly Guest[]): AsyncGenerator<Examined> {
  const libvirt = await hypervisor.libvirtVersion();
  const left = guests.values();
  const under: Promise<Examined | undefined>[] = [];
  for (;;) {
    while (under.length < AT_A_TIME) {
      const { value: guest, done } = left.next();
      if (done === true) break;
      const examining = examineOne(hypervisor, guest, libvirt);
      examining.catch(() => {}); // it is told when its turn has come
      under.push(examining);
    }
    const first = under.shift();
    if (first === undefined) return;
    const examined = await first;
    if (examined !== undefined) yield examined;
  }
}

async function examineOne(
  hypervisor: Hypervisor,
  guest: Guest,
  libvirt: string | undefined,
): Promise<Examined | undefined> {
  try {
    const facts = await collect(hypervisor, guest, libvirt);
    return { guest, facts, feeder: feeder(facts), findings: diagnose(facts) };
  } catch (error) {
    if (isFailure(error, "gone")) return undefined;
    throw error;
  }
}
