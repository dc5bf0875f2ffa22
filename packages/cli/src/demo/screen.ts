/** What the demo shows: progress, a live timeline, a table. Colour on a terminal, plain lines elsewhere. */
import { styleText } from "node:util";
import { printable } from "@bernard/protocol";
import { type KeptGuest, QUICK_HOLD_S, QUICK_PRESSURE } from "@bernard/testbed";
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
  freeze: { label: "freeze", colour: "cyan" },
  note: { label: "", colour: "dim" },
};

const LABEL_WIDTH = Math.max(...Object.values(LABELS).map(({ label }) => label.length));

/** Columns of a line's time and label, with the spaces after them. */
const TEXT_COLUMN = "1234.5 s  ".length + LABEL_WIDTH + "  ".length;

/** Columns that paragraphs fill at most; also where a terminal does not know its own (a serial console says 0). */
const WIDTH = 100;

export class Screen {
  readonly #stream: NodeJS.WriteStream;
  #closed = false;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  line(text: string): void {
    if (!this.#closed) this.#stream.write(`${text}\n`);
  }

  /** Shows nothing more. */
  close(): void {
    this.#closed = true;
  }

  readonly progress = (text: string): void => this.line(this.#colour("dim", `- ${text}`));

  intro(accelerator: string, options: { readonly model: string; readonly timeout: number }, fedAfter: number): void {
    this.#paragraph(`
A Linux guest in QEMU (${accelerator}); ${fedAfter.toFixed(1)} s after its kernel started, bernard-guest feeds its ${options.model}, timeout ${options.timeout} s.
A disk that is certainly dead fails at once, memory after ${QUICK_HOLD_S} s over its limit (by default 30 s), from a stall of
${QUICK_PRESSURE} % of the time on (40 %). The end is the plain one: last words, the timeout cut to the device's shortest, feeding
stopped; the device fires.`);
  }

  /** Heads an act and hands back its timeline. */
  act(act: Act, index: number, count: number): Tell {
    const heading = `act ${index} of ${count}: ${act.name}`;
    this.line(`\n${this.#colour("bold", heading)}${this.#folded(`: ${act.title}`, heading.length, 2)}`);
    let began: number | undefined;
    return (atMs, kind, text) => {
      began ??= atMs;
      const { label, colour } = LABELS[kind];
      const time = `${((atMs - began) / 1000).toFixed(1).padStart(6)} s`;
      const folded = this.#folded(printable(text), TEXT_COLUMN, TEXT_COLUMN);
      this.line(`${time}  ${this.#colour(colour, label.padEnd(LABEL_WIDTH))}  ${folded}`);
    };
  }

  /** All that is known of a failure, the guest's last words on its console included. */
  failed(error: unknown): void {
    const text = error instanceof Error ? error.message : errorLine(error);
    this.line(this.#colour("red", text.split("\n").map(printable).join("\n")));
  }

  /** The table of all acts, and what to do next. */
  report(results: readonly ActResult[], { model }: { readonly model: WatchdogModel }): void {
    const seconds = (value: number | null) => (value === null ? "-" : `${value.toFixed(1)} s`);
    const rows = [
      [
        "act",
        "fault to failed",
        `failed to fire (shortest ${SHORTEST_S[model].toFixed(1)} s)`,
        "fire to feeding",
        "outcome",
      ],
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
To protect a guest of your own:
  host    give it the device: <watchdog model='${model}' action='reset'/> in its libvirt XML,
          or -device ${model} -action watchdog=reset for QEMU itself
  guest   'make package' writes build/package/bernard-guest/*.deb, .rpm and .tar.gz: install one there, and it feeds;
          'bernard-guest status' shows what it sees. docs/guest/install.md tells the rest`);
  }

  kept({ pid, dir, shell, console }: KeptGuest): void {
    this.line(`
The guest runs on as process ${pid}.
  its shell     socat -,raw,echo=0,escape=0x1d UNIX-CONNECT:${shell}   (Ctrl-] leaves it)
  its console   tail -f ${console}
  its end       kill ${pid}; rm -r ${dir}`);
  }

  #paragraph(text: string): void {
    this.line("");
    this.line(fold(text.trim(), Math.min(this.#stream.columns || WIDTH, WIDTH), 0, 0));
  }

  /** `text`, which begins at column `from`, folded to the terminal's width; elsewhere one line stays one line. */
  #folded(text: string, from: number, indent: number): string {
    return this.#stream.isTTY ? fold(text, this.#stream.columns || WIDTH, from, indent) : text;
  }

  #colour(colour: Colour, text: string): string {
    return styleText(colour, text, { stream: this.#stream });
  }
}

/** Fills lines of `width` columns with words; the first begins at column `from`, the others are indented. */
function fold(text: string, width: number, from: number, indent: number): string {
  let column = from;
  let folded = "";
  for (const word of text.split(/\s+/)) {
    const fits = column + 1 + word.length <= width;
    if (folded !== "" && !fits) {
      folded += `\n${" ".repeat(indent)}`;
      column = indent;
    } else if (folded !== "") {
      folded += " ";
      column += 1;
    }
    folded += word;
    column += word.length;
  }
  return folded;
}
