/** What the daemon takes with 1,000 guests that run and tell of themselves: memory, and processor time. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { crowdOf } from "@bernard/hypervisor/test-crowd";
import type { Measurement, Scope } from "@bernard/tools";
import { BEATS } from "../src/daemon/beat-ring.ts";
import { beatLine, helloLine } from "./beats.ts";
import { startDaemon } from "./daemon.ts";

const GUESTS = 1_000;

/** Between two beats of a guest (BEAT_INTERVAL_S). */
const BEAT_MS = 10_000;

/** Beats are spread over time as guests' are, which know nothing of each other. */
const STEP_MS = BEAT_MS / GUESTS;

/** Lines in one packet of the channel's. */
const LINES = 40;

const SETTLE_MS = 20_000;
const MEASURED_MS = 60_000;
const SAMPLE_MS = 1_000;

export async function measureManyGuests(scope: Scope, program: readonly string[], dir: string): Promise<Measurement[]> {
  const crowd = await crowdOf(scope, GUESTS);
  const daemon = await startDaemon(scope, program, join(dir, "many"), `connect: "${crowd.uri}"\n`);
  await daemon.printed("nothing is touched");
  while (crowd.listened < GUESTS) await delay(50); // a channel is opened without a word
  const idle = await daemon.megabytes();
  let seq = 0;
  for (let guest = 0; guest < GUESTS; guest++) crowd.say(guest, helloLine(guest));
  await delay(1000); // what is read at once is limited: a hello is a line too
  for (let i = 0; i < BEATS; i += LINES) {
    const lines = Array.from({ length: LINES }, () => beatLine(++seq)).join("");
    for (let guest = 0; guest < GUESTS; guest++) crowd.say(guest, lines);
    await allHeard(daemon, GUESTS * (1 + i + LINES));
  }
  const start = performance.now();
  let beats = 0;
  const beating = setInterval(() => {
    for (; beats * STEP_MS <= performance.now() - start; beats++) crowd.say(beats % GUESTS, beatLine(++seq));
  }, STEP_MS);
  scope.after(() => clearInterval(beating));
  await delay(SETTLE_MS);
  const [from, processorS] = [performance.now(), await daemon.processorS()];
  let megabytes = 0;
  while (performance.now() - from < MEASURED_MS) {
    await delay(SAMPLE_MS);
    megabytes = Math.max(megabytes, await daemon.megabytes());
  }
  const percent = (100_000 * ((await daemon.processorS()) - processorS)) / (performance.now() - from);
  clearInterval(beating);
  await daemon.stop();
  return [
    { what: `resident, ${GUESTS} guests just met`, unit: "MB", ours: idle },
    { what: `resident, ${GUESTS} guests, their last ${BEATS} beats kept`, unit: "MB", ours: megabytes, limit: 150 },
    { what: `processor time, ${GUESTS} guests beating every 10 s`, unit: "%", ours: percent, limit: 1 },
  ];
}

/** Resolves once the engine has been told so many messages. */
async function allHeard({ client }: Awaited<ReturnType<typeof startDaemon>>, messages: number): Promise<void> {
  for (;;) {
    let text = "";
    for await (const chunk of await client.stream("/metrics")) text += chunk;
    if (Number(/^bernard_inputs_total\{type="message"\} (\d+)$/m.exec(text)?.[1] ?? 0) >= messages) return;
    await delay(100); // nothing tells when it is so
  }
}
