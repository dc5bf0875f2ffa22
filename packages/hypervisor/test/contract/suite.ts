/** Tells each story of the contract on every adapter that can, one world an adapter and file. */
import type { Duplex } from "node:stream";
import { after, before, describe, type TestContext, test } from "node:test";
import type { GuestId, Hypervisor, HypervisorEvent } from "../../src/hypervisor.ts";
import { collector } from "../libvirt/collector.ts";
import { lastFirst } from "../libvirt/last-first.ts";
import { type AdapterRow, adapters, type Need, type World } from "./adapters.ts";

export interface Stage {
  readonly t: TestContext;
  readonly world: World;
  /** Closed with the test. */
  readonly hypervisor: Hypervisor;
}

/** @param needs what an adapter must have for it to be told */
type Story = (name: string, needs: readonly Need[], tell: (stage: Stage) => Promise<void>) => void;

export function onEachAdapter(stories: (story: Story, row: AdapterRow) => void): void {
  for (const row of adapters) {
    describe(row.name, () => {
      let world: World;
      const ended: (() => unknown)[] = [];
      before(async () => {
        world = await row.start({ after: (end) => void ended.push(end) });
      });
      after(async () => {
        for (const end of ended.toReversed()) await end();
      });
      stories((name, needs, tell) => {
        if (needs.some((need) => row.lacks.includes(need))) return;
        test(name, async (t) => {
          const hypervisor = await world.open();
          lastFirst(t, () => hypervisor.close());
          await tell({ t, world, hypervisor });
        });
      }, row);
    });
  }
}

/** Everything that the adapter tells from now on; see collector. */
export async function watched(hypervisor: Hypervisor) {
  const heard = collector<HypervisorEvent>();
  await hypervisor.watch(heard.listener);
  /** The next of a guest's events that reads so: `fire pause`, `suspended watchdog`, `reset`. */
  const hears = (guest: GuestId, words: string) =>
    heard.nextWhere((event) => "guest" in event && event.guest.uuid === guest.uuid && inWords(event) === words);
  return { ...heard, hears, connected: await heard.next("connected") };
}

function inWords(event: HypervisorEvent): string {
  if (event.type === "lifecycle") return `${event.change} ${event.detail}`;
  return event.type === "fire" ? `fire ${event.action}` : event.type;
}

/** A guest's serial console up to the first line that it writes, then left to itself. */
export async function heardUp(console: Duplex): Promise<void> {
  let text = "";
  for await (const chunk of console.iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (text.includes("up")) return;
  }
  throw new Error(`the console ended: ${text}`);
}

/** Waits for what no event tells of. */
export async function eventually<T>(work: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const result = await work();
    if (result !== undefined) return result;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
