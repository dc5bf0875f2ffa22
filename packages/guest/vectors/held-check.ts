/** A check with its memory: what counts towards its hold time, and what becomes of readings and of a look that goes wrong. */
import { type Check, HeldCheck, type Reading } from "../src/check.ts";
import { suite } from "./vector.ts";

/** What a look finds, by the second at which it is taken; a function throws. */
interface Held {
  readonly looks: readonly (readonly [second: number, found: Partial<Reading> | (() => never)])[];
  readonly period?: number;
}

const LONGEST_ROUND = 6000;

function tell({ looks, period }: Held): unknown {
  const found = new Map(looks.map(([second, what]) => [second * 1000, what]));
  const check: Check = {
    name: "held",
    end: "reboot",
    code: 1,
    ...(period === undefined ? {} : { period }),
    read(now) {
      const what = found.get(now) as Partial<Reading> | (() => never);
      return typeof what === "function" ? what() : { reason: "", readings: {}, ...what };
    },
  };
  const held = new HeldCheck(check, LONGEST_ROUND);
  return looks.map(([second]) => {
    try {
      held.look(second * 1000);
    } catch (error) {
      return `${second}: ${error}`;
    }
    const { verdict, reason, readings } = held.report();
    const numbers = Object.entries(readings).map(([name, value]) => ` ${name}=${value}`);
    return `${second}: ${verdict}, ${held.end}: ${reason}${numbers.join("")}`;
  });
}

const bad = { reason: "bad", hold: 10_000 };

const failWith = (name: string, message: string) => () => {
  const error = new Error(message);
  error.name = name;
  throw error;
};

export const looks = suite("HeldCheck", tell, [
  [
    "what is no number is no reading, or the host would drop the whole beat",
    { looks: [[0, { readings: { a: 1, b: Number.NaN, c: Number.POSITIVE_INFINITY, d: Number.NEGATIVE_INFINITY } }]] },
    ["0: healthy, reboot:  a=1"],
  ],
  [
    "a look that meets a defect is told, ends nothing, and is over with the next one that does not",
    {
      looks: [
        [0, {}],
        [1, failWith("TypeError", "not a function")],
        [2, bad],
        [7, bad],
        [12, bad],
      ],
    },
    [
      "0: healthy, reboot: ",
      "1: failed, alarm: defect in this check, it sees nothing: TypeError: not a function",
      "2: failing, reboot: bad",
      "7: failing, reboot: bad",
      "12: failed, reboot: bad",
    ],
  ],
  [
    "an engine without memory is not the check's defect: the daemon ends, and a fresh one is started",
    { looks: [[0, failWith("InternalError", "out of memory")]] },
    ["0: InternalError: out of memory"],
  ],
  [
    "a gap counts towards no hold time",
    {
      looks: [
        [0, bad],
        [5, bad],
        [100, bad],
        [104, bad],
        [105, bad],
      ],
    },
    [
      "0: failing, reboot: bad",
      "5: failing, reboot: bad",
      "100: failing, reboot: bad",
      "104: failing, reboot: bad",
      "105: failed, reboot: bad",
    ],
  ],
  [
    "nor does one before the trouble lengthen it",
    {
      looks: [
        [0, {}],
        [100, bad],
        [105, bad],
        [110, bad],
      ],
    },
    ["0: healthy, reboot: ", "100: failing, reboot: bad", "105: failing, reboot: bad", "110: failed, reboot: bad"],
  ],
  [
    "of a gap in which the trouble began, only what came after that is not counted",
    {
      looks: [
        [0, {}],
        [100, { ...bad, since: 98_000 }],
        [105, { ...bad, since: 98_000 }],
        [110, bad],
      ],
    },
    ["0: healthy, reboot: ", "100: failing, reboot: bad", "105: failing, reboot: bad", "110: failed, reboot: bad"],
  ],
]);
