/** What the demo shows: progress, a live timeline, a table. Colour on a terminal, plain lines elsewhere. */
import { styleText } from "node:util";
import { printable } from "@bernard/protocol";
import type { KeptGuest } from "@bernard/testbed";
import { errorLine } from "@bernard/tools";
import type { Act, ActResult, Tell, WatchdogModel } from "./acts.ts";

/** Seconds: what each device makes of its shortest timeout (i6300esb counts in steps of 1.00663 s, ib700 in steps of 2 s). */
const SHORTEST_S: Readonly<Record<WatchdogModel, number>> = { i6300esb: 1.0, ib700: 2.0 };

type Colour = Parameters<typeof styleText>[0];

const LABELS: Readonly<Record<Parameters<Tell>[1], { readonly label: string; readonly colour: Colour }>> = {
  fault: { label: "fault", colour: "red" },
  failing: { label: "check failing", colour: "yellow" },
  "last-words": { label: "last words", colour: "yellow" },
  "feeding-ended": { label: "feeding ended", colour: "yellow" },
  fire: { label: "fire", colour: "red" },
  reset: { label: "reset", colour: "cyan" },
  "feeding-again": { label: "feeding again", colour: "green" },
  note: { label: "", colour: "dim" },
};

const LABEL_WIDTH = Math.max(...Object.values(LABELS).map(({ label }) => label.length));

export class Screen {
  readonly #stream: NodeJS.WriteStream;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  line(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  readonly progress = (text: string): void => this.line(this.#colour("dim", `- ${text}`));

  intro(
    accelerator: string,
    options: { readonly model: string; readonly timeout: number },
    hold: number,
    seconds: number,
  ): void {
    this.line(
      `
A Linux guest in QEMU (${accelerator}), booted in ${seconds.toFixed(1)} s. bernard-guest feeds its ${options.model}, timeout ${options.timeout} s.
Checks here fail after ${hold} s over their limit (default: 30 s and more), and the end is the plain one: last
words, the timeout cut to the device's shortest, feeding stopped, so that the device fires.`,
    );
  }

  /** Heads an act and hands back its timeline. */
  act(act: Act, index: number, count: number): Tell {
    this.line(`\n${this.#colour("bold", `act ${index} of ${count}: ${act.name}`)}: ${act.title}`);
    let began: number | undefined;
    return (atMs, kind, text) => {
      began ??= atMs;
      const { label, colour } = LABELS[kind];
      const time = `${((atMs - began) / 1000).toFixed(1).padStart(6)} s`;
      this.line(`${time}  ${this.#colour(colour, label.padEnd(LABEL_WIDTH))}  ${printable(text)}`);
    };
  }

  failed(error: unknown): void {
    const text = error instanceof Error ? error.message : errorLine(error);
    this.line(this.#colour("red", text.split("\n").map(printable).join("\n")));
  }

  /** The table of all acts, and what to do next. */
  report(results: readonly ActResult[], { model }: { readonly model: WatchdogModel }): void {
    const seconds = (value: number | null) => (value === null ? "-" : `${value.toFixed(1)} s`);
    const rows = [
      ["act", "fault to failed", "failed to fire", "fire to feeding", "outcome"],
      ...results.map(({ name, recovered, seconds: { faultToFailed, failedToFire, fireToFeeding } }) => [
        name,
        seconds(faultToFailed),
        seconds(failedToFire),
        seconds(fireToFeeding),
        recovered ? (fireToFeeding === null ? "left alone" : "came back") : "NOT RECOVERED",
      ]),
    ];
    const widths = (rows[0] as string[]).map((_, column) =>
      Math.max(...rows.map((row) => (row[column] as string).length)),
    );
    this.line("");
    rows.forEach((row, index) => {
      const text = row
        .map((cell, column) => cell.padEnd(widths[column] as number))
        .join("   ")
        .trimEnd();
      this.line(index === 0 ? this.#colour("bold", text) : text);
    });
    this.line(`
The shortest time from failed to fire that ${model} allows is ${SHORTEST_S[model].toFixed(1)} s.

To protect a guest of your own:
  host    give it the device: <watchdog model='${model}' action='reset'/> in its libvirt XML,
          or -device ${model} -action watchdog=reset for QEMU itself
  guest   modprobe ${model === "ib700" ? "ib700wdt" : model}, then copy build/x86_64/bernard-guest into it and try 'bernard-guest --once';
          have the service manager run 'bernard-guest --config FILE' ('--help' lists the keys)`);
  }

  kept({ pid, dir, shell, console }: KeptGuest): void {
    this.line(`
The guest runs on as process ${pid}.
  its shell     nc -U ${shell}
  its console   tail -f ${console}
  its end       kill ${pid}; rm -r ${dir}`);
  }

  #colour(colour: Colour, text: string): string {
    return styleText(colour, text, { stream: this.#stream });
  }
}
