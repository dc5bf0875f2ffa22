/** Tells each story of the contract on every adapter that can, one world an adapter and file. */
import { after, before, describe, type TestContext, test } from "node:test";
import type { Hypervisor, HypervisorEvent } from "../../src/hypervisor.ts";
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
        world = await row.start({ after: (end: () => unknown) => void ended.push(end) } as Pick<TestContext, "after">);
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
  return { ...heard, connected: await heard.next("connected") };
}
