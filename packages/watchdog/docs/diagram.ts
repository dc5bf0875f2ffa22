/** Timing diagrams in plain text, drawn by the models themselves. */
import { Model } from "../vectors/model.ts";
import { parseScript, type Step } from "../vectors/script.ts";

const COLUMNS = 72;

/** A feed of the i6300esb, of the ib700, or of the iTCO. */
const isFeed = (step: Step): boolean =>
  step.kind === "write" &&
  ((step.space === "mem" && step.bits === 16 && step.offset === 0xc && (step.value & 0xf00n) === 0x100n) ||
    (step.space === "io" && (step.offset === 0x443 || step.offset === 0x660)));

/**
 * What happens over the time that the script takes, one line a signal:
 *
 *     feed     ^       ^
 *     stage 1  ########################----
 *     fire                                 !
 */
export function diagram(script: string): string {
  const steps = parseScript(script);
  const whole = steps.reduce((sum, step) => sum + (step.kind === "pass" ? step.ns : 0n), 0n);
  const model = new Model("10.2");
  const rows = {
    feed: [] as string[],
    "stage 1": [] as string[],
    "stage 2": [] as string[],
    ib700: [] as string[],
    "itco 1st": [] as string[],
    "itco 2nd": [] as string[],
    fire: [] as string[],
  };
  let fed = false;
  for (const step of steps) {
    if (step.kind === "write") model.write(step);
    fed ||= isFeed(step);
    if (step.kind !== "pass") continue;
    const columns = Number((step.ns * BigInt(COLUMNS)) / whole);
    for (let column = 0; column < columns; column++) {
      const { stage, deadline } = model.i6300esb.state();
      rows["stage 1"].push(deadline !== undefined && stage === 1 ? "#" : ".");
      rows["stage 2"].push(deadline !== undefined && stage === 2 ? "#" : ".");
      rows.ib700.push(model.ib700.state().deadline === undefined ? "." : "#");
      const itco = model.itco.state();
      rows["itco 1st"].push(itco.deadline !== undefined && itco.expiries === 0 ? "#" : ".");
      rows["itco 2nd"].push(itco.deadline !== undefined && itco.expiries === 1 ? "#" : ".");
      rows.feed.push(fed ? "^" : " ");
      fed = false;
      const fired = model.pass(
        (step.ns * BigInt(column + 1)) / BigInt(columns) - (step.ns * BigInt(column)) / BigInt(columns),
      );
      rows.fire.push(fired.includes("fire") ? "!" : " ");
    }
  }
  return Object.entries(rows)
    .filter(([, marks]) => marks.some((mark) => mark !== "." && mark !== " "))
    .map(([name, marks]) => `${name.padEnd(8)} ${marks.join("")}`.trimEnd())
    .join("\n");
}
