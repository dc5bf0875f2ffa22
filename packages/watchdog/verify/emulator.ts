/**
 * A real QEMU with all devices and no guest: registers are reached by the qtest protocol, time is in our hands.
 *
 * The machine stands still but for the steps of time. With the qtest accelerator (few packages have it) those are exact to the
 * nanosecond. With TCG the machine runs meanwhile, and how long is read from its HPET, which counts the same clock as the watchdogs,
 * in units of 10 ns. Fires are seen as lines on standard error, written before anything else is answered; QMP's events would be merged.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, readSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atProcessEnd } from "@bernard/tools";
import type { Sign } from "../vectors/script.ts";
import { bootImage } from "./boot-image.ts";
import { LineSocket } from "./line-socket.ts";

const HPET = 0xfed0_0000;
const HPET_CONFIGURATION = HPET + 0x10;
const HPET_COUNTER = HPET + 0xf0;
const HPET_TICK_NS = 10n;

/** What QEMU writes to standard error, by what it tells of. */
const SIGNS: readonly (readonly [RegExp, Sign])[] = [
  [/timer fired/, "fire"],
  [/send APIC/, "irq"],
  [/send SMI|send an SMI/, "smi"],
];

export class Emulator {
  /** Whose CONFIG bits it keeps. */
  readonly compat: "before-10.2" | "10.2";
  readonly version: string;
  /** Time is stepped to the nanosecond. */
  readonly exact: boolean;
  readonly #qtest: LineSocket;
  readonly #qmp: LineSocket;
  readonly #errors: number;
  readonly #end: () => Promise<void>;
  #seen = 0;
  #rest = "";
  /** When, by the host's clock in ms, the WATCHDOG events had happened that have been sent. */
  readonly watchdogEvents: number[] = [];
  /** Nanoseconds that had passed when the HPET was last started. */
  #before = 0n;

  private constructor(parts: {
    readonly qtest: LineSocket;
    readonly qmp: LineSocket;
    readonly errors: number;
    readonly exact: boolean;
    readonly version: readonly [number, number, number];
    readonly end: () => Promise<void>;
  }) {
    this.#qtest = parts.qtest;
    this.#qmp = parts.qmp;
    this.#errors = parts.errors;
    this.#end = parts.end;
    this.exact = parts.exact;
    const [major, minor, micro] = parts.version;
    this.version = `${major}.${minor}.${micro}`;
    this.compat = major > 10 || (major === 10 && minor >= 2) ? "10.2" : "before-10.2";
  }

  /**
   * @param exact with the qtest accelerator, which the program must have
   * @param more arguments of its own
   */
  static async start(program: string, exact: boolean, more: readonly string[] = []): Promise<Emulator> {
    const folder = await mkdtemp(join(tmpdir(), "bernard-verify-"));
    const file = (name: string) => join(folder, name);
    await writeFile(file("bios"), bootImage());
    const qtest = new LineSocket(file("qtest"));
    const qmp = new LineSocket(file("qmp"));
    await Promise.all([qtest.listening, qmp.listening]);
    const errors = openSync(file("errors"), "a+");
    const accelerator = exact ? "qtest" : "tcg";
    const machine = ["-machine", "q35", "-accel", accelerator, "-m", "16", "-nodefaults", "-display", "none"];
    const builtIn = ["-global", "ICH9-LPC.noreboot=off"]; // the iTCO's strap, on before pc-q35-8.0
    const devices = ["-device", "i6300esb,addr=4", "-device", "ib700", ...builtIn, "-action", "watchdog=debug"];
    const sockets = ["-qtest", `unix:${file("qtest")}`, "-qtest-log", "none", "-qmp", `unix:${file("qmp")}`];
    const process = spawn(program, [...machine, ...devices, ...more, ...sockets, "-S", "-bios", file("bios")], {
      stdio: ["ignore", "ignore", errors],
    });
    const forget = atProcessEnd(() => process.kill("SIGKILL"));
    const ended = new Promise<void>((resolve) => {
      const fail = (error: Error) => {
        qtest.fail(error);
        qmp.fail(error);
        resolve();
      };
      process.on("error", fail);
      process.on("exit", (code) => {
        const said = Buffer.alloc(1000);
        const length = readSync(errors, said, 0, said.length, 0);
        fail(new Error(`QEMU has ended with code ${code}; it said: ${said.toString("utf8", 0, length).trim()}`));
      });
    });
    const end = async () => {
      process.kill("SIGKILL");
      await ended;
      forget();
      qtest.end();
      qmp.end();
      closeSync(errors);
      await rm(folder, { recursive: true, force: true });
    };
    try {
      const greeting = JSON.parse(await qmp.line());
      const { major, minor, micro } = greeting.QMP.version.qemu;
      const it = new Emulator({ qtest, qmp, errors, exact, version: [major, minor, micro], end });
      await it.#command("qmp_capabilities");
      await it.#startHpet();
      return it;
    } catch (error) {
      await end();
      throw error;
    }
  }

  /** Carries out commands of the qtest protocol; what each has answered, `0x0` where it has nothing to say. */
  async access(commands: readonly string[]): Promise<bigint[]> {
    await this.#qtest.write(commands.map((command) => `${command}\n`).join(""));
    const answers: bigint[] = [];
    for (const command of commands) {
      const line = await this.#qtest.line();
      const [status, value] = line.split(" ");
      if (status !== "OK") throw new Error(`QEMU answers ${command}: ${line}`);
      answers.push(BigInt(value ?? 0));
    }
    return answers;
  }

  /** Nanoseconds that the guest's clock has run since the start. */
  async time(): Promise<bigint> {
    const [counter] = (await this.access([`readq ${HPET_COUNTER}`])) as [bigint];
    return this.#before + counter * HPET_TICK_NS;
  }

  /** Lets time go on by so much, or more without the qtest accelerator. */
  async pass(ns: bigint): Promise<void> {
    const end = (await this.time()) + ns;
    await this.run();
    if (this.exact) await this.access([`clock_step ${ns}`]);
    else while ((await this.time()) < end);
    await this.stop();
  }

  async run(): Promise<void> {
    await this.#command("cont");
  }

  async stop(): Promise<void> {
    await this.#command("stop");
  }

  async untilWatchdogEvents(count: number): Promise<void> {
    while (this.watchdogEvents.length < count) await this.#message();
  }

  /** Resets the machine, whose time stands still meanwhile. */
  async reset(): Promise<void> {
    this.#before = await this.time();
    await this.#command("system_reset", "RESET");
    await this.#startHpet();
  }

  /** What has been seen since the last call. */
  signs(): Sign[] {
    const chunk = Buffer.alloc(65_536);
    for (let length = -1; length !== 0; this.#seen += length) {
      length = readSync(this.#errors, chunk, 0, chunk.length, this.#seen);
      this.#rest += chunk.toString("latin1", 0, length);
    }
    const lines = this.#rest.split("\n");
    this.#rest = lines.pop() as string;
    return lines.map((line) => {
      const sign = SIGNS.find(([pattern]) => pattern.test(line))?.[1];
      if (sign === undefined) throw new Error(`QEMU says: ${line}`);
      return sign;
    });
  }

  async end(): Promise<void> {
    await this.#end();
  }

  async #startHpet(): Promise<void> {
    await this.access([`writel ${HPET_CONFIGURATION} 1`]);
  }

  async #message() {
    const message = JSON.parse(await this.#qmp.line());
    if (message.event === "WATCHDOG") {
      this.watchdogEvents.push(message.timestamp.seconds * 1000 + message.timestamp.microseconds / 1000);
    }
    return message;
  }

  /** @param awaited an event that the command brings, before its answer or after it */
  async #command(name: string, awaited?: string): Promise<void> {
    await this.#qmp.write(`${JSON.stringify({ execute: name })}\n`);
    for (let answered = false, happened = awaited === undefined; !answered || !happened; ) {
      const answer = await this.#message();
      if ("error" in answer) throw new Error(`QEMU refuses ${name}: ${answer.error.desc}`);
      if ("return" in answer) answered = true;
      if (answer.event === awaited) happened = true;
    }
  }
}
