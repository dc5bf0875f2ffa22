/** What a million rounds, eleven days of them, add to the daemon's memory: its own engine, every check, each kind of trouble. */
import { type Measurement, run } from "@bernard/tools";

const ROUNDS = 1_000_000;

/** @param tests bernard-guest-tests */
export async function measureGrowth(tests: string): Promise<Measurement[]> {
  const told = (await run(tests, ["rounds", `${ROUNDS}`])).toString();
  const [early = Number.NaN, late = Number.NaN] = Array.from(told.matchAll(/: (\d+) KiB/g), ([, kib]) => Number(kib));
  return [{ what: "resident, from 50,000 to 1,000,000 rounds", unit: "KiB", ours: late - early, limit: 16 }];
}
