/** Plays the demo: prepares, boots, plays the acts one after the other in one guest, reports, and clears everything away. */

import { bootTestGuest, buildImage, hostPackages, quickConf, type TestGuest, untilFed } from "@bernard/testbed";
import { ensureInstalled, errorLine, takeLock, UserError } from "@bernard/tools";
import { type Act, type ActResult, acts, type WatchdogModel, withoutRescue } from "./acts.ts";
import { Screen } from "./screen.ts";
import { bootTwin, playTwin, type TwinResult } from "./twin.ts";

export interface DemoOptions {
  /** Only this act. */
  readonly act?: string;
  readonly twin: boolean;
  readonly keep: boolean;
  readonly model: WatchdogModel;
  /** Of the device, in seconds. */
  readonly timeout: number;
  readonly json: boolean;
}

/** Connects a person's terminal to the shell of a kept guest. */
const KEEP_PACKAGES = ["socat"];

/** True when every act recovered. */
export async function runDemo(options: DemoOptions): Promise<boolean> {
  const screen = new Screen(options.json ? process.stderr : process.stdout);
  const release = await takeLock("demo", "wait for it to end, or end it with Ctrl-C where it runs");
  const guests: TestGuest[] = [];
  let keeping = false;
  const interrupt = onInterrupt(async () => {
    screen.line("\ninterrupted; ending the guests");
    screen.close();
    await Promise.all(guests.map((guest) => guest.stop()));
  });
  try {
    await ensureInstalled([...hostPackages, ...(options.keep ? KEEP_PACKAGES : [])], screen.progress);
    const image = await buildImage(screen.progress);
    const wanted = acts.filter((act) => options.act === undefined || act.name === options.act);
    const withTwin = options.twin && wanted.some((act) => act.twin);
    screen.progress(`booting ${withTwin ? "the guest and its twin" : "the guest"}`);
    const boot = { image, watchdog: options.model, feeder: "bernard", conf: quickConf(options.timeout) } as const;
    const booting = [bootTestGuest({ ...boot, keepRunning: options.keep })];
    if (withTwin) booting.push(bootTwin(image, options.model, options.timeout));
    guests.push(...(await allBooted(booting, screen)));
    const [guest, twin] = guests as [TestGuest, TestGuest | undefined];
    const { message: fed } = await untilFed(guest);
    screen.intro(guest.accelerator, options, fed.at);
    const { results, twinResult } = await playAll(wanted, guest, twin, options, screen);
    await interrupt.ending;
    screen.report(results, options);
    if (options.json) console.log(JSON.stringify({ acts: results, ...(twinResult ? { twin: twinResult } : {}) }));
    if (options.keep) {
      screen.kept(guest.keep());
      keeping = true;
    }
    return results.every((result) => result.recovered);
  } finally {
    await interrupt.ending;
    interrupt.forget();
    await Promise.all(guests.map((guest, index) => (keeping && index === 0 ? undefined : guest.stop())));
    await release();
  }
}

async function playAll(
  wanted: readonly Act[],
  guest: TestGuest,
  twin: TestGuest | undefined,
  options: DemoOptions,
  screen: Screen,
): Promise<{ results: ActResult[]; twinResult: TwinResult | undefined }> {
  const results: ActResult[] = [];
  let twinResult: TwinResult | undefined;
  for (const [index, act] of wanted.entries()) {
    const tell = screen.act(act, index + 1, wanted.length);
    const stage = { guest, timeout: options.timeout, tell };
    try {
      const playing = act.play(stage);
      const [result, beside] = await Promise.all([
        playing,
        act.twin && twin ? playTwin(twin, options.timeout, tell) : undefined,
      ]);
      results.push(result);
      twinResult ??= beside;
    } catch (error) {
      screen.failed(error);
      results.push(withoutRescue(act.name, false, errorLine(error)));
      break; // the guest is in an unknown state: what followed would prove nothing
    }
    if (act.twin) await twin?.stop();
  }
  return { results, twinResult };
}

/** The guests, all of them up; when one is not, the others are ended. */
async function allBooted(booting: readonly Promise<TestGuest>[], screen: Screen): Promise<TestGuest[]> {
  const settled = await Promise.allSettled(booting);
  const failure = settled.find((result) => result.status === "rejected")?.reason as unknown;
  const guests = settled.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
  if (failure === undefined) return guests;
  await Promise.all(guests.map((guest) => guest.stop()));
  if (failure instanceof UserError) throw failure;
  screen.failed(failure);
  throw new UserError("a guest did not boot", "its console's last lines are above; run make clean and try again");
}

interface Interrupt {
  /** Once there was a signal: never resolves, for the process ends meanwhile. */
  readonly ending: Promise<never> | undefined;
  forget(): void;
}

/** Runs `clear` on Ctrl-C and the like, then ends with the signal's customary exit code; a second signal ends at once. */
function onInterrupt(clear: () => Promise<unknown>): Interrupt {
  const codes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
  let ending: Promise<never> | undefined;
  const listeners = Object.entries(codes).map(([signal, code]) => {
    const listener = () => {
      if (ending !== undefined) process.exit(code);
      ending = new Promise(() => {});
      clear().finally(() => process.exit(code));
    };
    process.on(signal, listener);
    return () => void process.off(signal, listener);
  });
  return {
    get ending() {
      return ending;
    },
    forget: () => listeners.forEach((off) => void off()),
  };
}
