/**
 * `make verify-devices`: our models against a real QEMU. Every vector, then thousands of random sequences of accesses, then the
 * time of a few hundred fires. The first difference ends it, cut down to the shortest sequence that shows it, as a vector.
 *
 * QEMU=PROGRAM takes another QEMU than Debian's; RUNS=N another number of sequences; SEED=N the sequences of an earlier run.
 */
import { ensureInstalled, errorLine, UserError } from "@bernard/tools";
import { vectors } from "../vectors/all.ts";
import { parseScript } from "../vectors/script.ts";
import { Emulator } from "./emulator.ts";
import { EventMismatch, verifyEvents } from "./events.ts";
import { Lockstep, Mismatch } from "./lockstep.ts";
import { measure } from "./punctuality.ts";
import { verifySequences, verifySlowSequences } from "./sequences.ts";

const RUNS = 10_000;
/** Of those that wait for a tick of the iTCO, 600 ms: one of so many. */
const FAST_FOR_A_SLOW = 500;
const FIRES = 200;
/** How often fires and their events are looked at before a difference counts. */
const ATTEMPTS = 3;

/** Milliseconds within which whatever goes wrong must end. */
const DEADLINE = 900_000;

/** Nanoseconds of a step of time, where time is real. */
const SHORTEST = 5_000_000n;
/** Vectors that take no longer are run as they are. */
const PATIENT = 6_300_000_000n;

function numberFrom(name: string, fallback: number): number {
  const text = process.env[name];
  if (text === undefined || text === "") return fallback;
  if (!/^\d{1,9}$/.test(text))
    throw new UserError(`${name}=${text} is no number`, `set it to one, as in ${name}=1000`, 2);
  return Number(text);
}

async function startQemu(): Promise<Emulator> {
  const given = process.env.QEMU;
  if (given === undefined || given === "") {
    await ensureInstalled(["qemu-system-x86"], say);
    return Emulator.start("qemu-system-x86_64", false);
  }
  return Emulator.start(given, true)
    .catch(() => Emulator.start(given, false))
    .catch((error: unknown) => {
      throw new UserError(`QEMU=${given} does not start: ${errorLine(error)}`, "name another, or none for Debian's", 2);
    });
}

async function verifyVectors(qemu: Emulator, lockstep: Lockstep): Promise<void> {
  const facts = vectors.filter(({ only }) => only === undefined || only === qemu.compat);
  for (const { about, fact, script } of facts) {
    const steps = parseScript(script);
    const whole = steps.reduce((sum, step) => sum + (step.kind === "pass" ? step.ns : 0n), 0n);
    await lockstep.run(steps, qemu.exact || whole <= PATIENT ? whole : SHORTEST).catch((error: unknown) => {
      throw error instanceof Mismatch ? new Error(`${about}: ${fact}: ${error.message}`) : error;
    });
  }
  console.log(`${facts.length} vectors: as the models`);
}

/** Both stages of each length from a millisecond to 20, at both scales. */
function armings(count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const [slow, ticks] = [i % 2 === 0, 1 + (i % 10)];
    const hex = (number: number) => `0x${(slow ? number : number * 1024).toString(16)}`;
    const preloads = `unlock; mem32[0x0] := ${hex(ticks)}; unlock; mem32[0x4] := ${hex(11 - ticks)}`;
    return `${preloads}; cfg16[0x60] := ${slow ? "0x0" : "0x4"}; cfg8[0x68] := 0x2`;
  });
}

/** On a QEMU of its own: one that has fired within the last second holds an event back. */
async function verifyTime(qemu: Emulator): Promise<void> {
  const i6300esb = await measure(qemu, armings(FIRES), 30_000_000n);
  const ib700 = await measure(qemu, ["io8[0x443] := 0xe", "io16[0x443] := 0xe00"], 2_000_000_000n);
  const fires = [...i6300esb.fires, ...ib700.fires];
  const latest = Math.max(Number(i6300esb.latest), Number(ib700.latest)) / 1000;
  console.log(`${fires.length} fires of running machines: none early, the latest ${latest} us late`);
  console.log(`${await verifyEvents(qemu, fires)} WATCHDOG events of theirs: those that the model sends`);
}

/** Gives each its own QEMU, and ends it. */
async function withQemu(use: (qemu: Emulator) => Promise<void>): Promise<void> {
  const qemu = await startQemu();
  try {
    await use(qemu);
  } finally {
    await qemu.end();
  }
}

const say = (line: string) => console.error(`- ${line}`);
const deadline = setTimeout(() => {
  console.error(
    `make verify-devices: not done after ${DEADLINE / 1000} s; QEMU does not answer, or the host is too busy`,
  );
  process.exit(1);
}, DEADLINE);
try {
  const runs = numberFrom("RUNS", RUNS);
  const seed = numberFrom("SEED", Date.now() % 1_000_000_000);
  let exact = false;
  await withQemu(async (qemu) => {
    exact = qemu.exact;
    const time = exact ? "time stepped to the nanosecond" : "in real time";
    console.log(`QEMU ${qemu.version} (CONFIG ${qemu.compat}), ${time}`);
    const lockstep = new Lockstep(qemu);
    await verifyVectors(qemu, lockstep);
    const before = { reads: lockstep.reads, signs: lockstep.signs };
    await verifySequences(lockstep, runs, seed);
    const slow = Math.ceil(runs / FAST_FOR_A_SLOW);
    await verifySlowSequences(lockstep, slow, seed);
    const [reads, signs] = [lockstep.reads - before.reads, lockstep.signs - before.signs];
    console.log(
      `${runs} + ${slow} sequences (SEED=${seed}): ${reads} values read, ${signs} fires and lines, all as the models`,
    );
  });
  for (let attempt = 1; !exact; attempt++) {
    const failed = await withQemu(verifyTime).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failed === undefined) break;
    if (!(failed instanceof EventMismatch) || attempt === ATTEMPTS) throw failed;
    console.log(`once more, as this host may have been busy: ${failed.message}`);
  }
} catch (error) {
  if (error instanceof UserError) console.error(`make verify-devices: ${errorLine(error)}`);
  else console.error(`make verify-devices: ${error instanceof Error ? error.message : error}`);
  process.exitCode = error instanceof UserError ? error.exitCode : 1;
} finally {
  clearTimeout(deadline);
}
