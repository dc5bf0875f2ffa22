/** What is known of the ib700, fact by fact. */
import { chapter, type Vector } from "./vector.ts";

/** Code n: fires after 30 - 2n seconds, to the nanosecond. */
function codeRow(code: number): readonly [string, string] {
  const seconds = 30 - 2 * code;
  const write = `io8[0x443] := 0x${code.toString(16)}`;
  if (seconds === 0) return [`code ${code}: at once`, `${write}; pass 0 ns: fire`];
  return [`code ${code}: ${seconds} s`, `${write}; pass ${seconds * 1e9 - 1} ns; pass 1 ns: fire`];
}

const AT_ONCE = "pass 0 ns: fire";

export const ib700Vectors: readonly Vector[] = [
  ...chapter("ib700: the code", [
    ...Array.from({ length: 16 }, (_, code) => codeRow(code)),
    ["0x1f is as 0xf", `io8[0x443] := 0x1f; ${AT_ONCE}`],
    ["0xff is as 0xf", `io8[0x443] := 0xff; ${AT_ONCE}`],
    ["0xfe is as 0xe", "io8[0x443] := 0xfe; pass 1999999999 ns; pass 1 ns: fire"],
    ["a write starts anew", "io8[0x443] := 0xe; pass 1 s; io8[0x443] := 0xe; pass 1999999999 ns; pass 1 ns: fire"],
    ["a shorter time takes the place of a longer", `io8[0x443] := 0x0; io8[0x443] := 0xf; ${AT_ONCE}; pass 100 s`],
    ["a longer that of a shorter", "io8[0x443] := 0xf; io8[0x443] := 0x0; pass 1 s"],
  ]),
  ...chapter("ib700: the ports", [
    ["0x444 is as 0x443", `io8[0x444] := 0xf; ${AT_ONCE}`],
    [
      "0x441 stops, whatever is written",
      "io8[0x443] := 0xf; io8[0x441] := 0x0; pass 100 s; io8[0x443] := 0xf; io8[0x441] := 0xff; pass 100 s",
    ],
    ["0x442 stops", "io8[0x443] := 0xf; io8[0x442] := 0x5a; pass 100 s"],
    ["0x440 is not decoded", `io8[0x443] := 0xf; io8[0x440] := 0x0; ${AT_ONCE}`],
    ["0x445 is not decoded", "io8[0x445] := 0xf; pass 100 s"],
    [
      "a byte reads as ones",
      "io8[0x440] = 0xff; io8[0x441] = 0xff; io8[0x442] = 0xff; io8[0x443] = 0xff; io8[0x444] = 0xff",
    ],
    ["a word reads as ones", "io16[0x441] = 0xffff; io16[0x442] = 0xffff; io16[0x443] = 0xffff; io16[0x444] = 0xffff"],
    ["a double word reads as ones", "io32[0x441] = 0xffffffff; io32[0x443] = 0xffffffff"],
    ["reads do not matter", `io8[0x443] := 0xf; io8[0x441] = 0xff; io16[0x443] = 0xffff; ${AT_ONCE}`],
    ["a word of 0x000e at 0x443 ends at 30 s", "io16[0x443] := 0xe; pass 29999999999 ns; pass 1 ns: fire"],
    ["a word of 0x0e00 at 0x443 ends at 2 s", "io16[0x443] := 0xe00; pass 1999999999 ns; pass 1 ns: fire"],
    ["a word at 0x444: the low byte only", `io16[0x444] := 0xf; ${AT_ONCE}`],
    ["a word at 0x442: the low byte only, so it stops", "io8[0x443] := 0xf; io16[0x442] := 0xf00; pass 100 s"],
    ["a word at 0x441 stops", "io8[0x443] := 0xf; io16[0x441] := 0xffff; pass 100 s"],
    ["a word at 0x440 is lost", `io8[0x443] := 0xf; io16[0x440] := 0x0; ${AT_ONCE}`],
    [
      "a double word is lost, to start or to stop",
      `io32[0x443] := 0xf; pass 100 s; io8[0x443] := 0xf; io32[0x441] := 0x0; io32[0x440] := 0x0; ${AT_ONCE}`,
    ],
  ]),
  ...chapter("ib700: expiry and reset", [
    ["it fires once", `io8[0x443] := 0xf; ${AT_ONCE}; pass 1000 s`],
    ["a write starts it again", `io8[0x443] := 0xf; ${AT_ONCE}; io8[0x443] := 0xf; ${AT_ONCE}`],
    ["nothing remembers the fire", `io8[0x443] := 0xf; ${AT_ONCE}; io8[0x443] = 0xff; mem16[0xc] = 0x0`],
    ["a reset stops it", "io8[0x443] := 0xf; reset; pass 100 s"],
  ]),
  ...chapter("Linux's ib700wdt driver", [
    ["30 s, fed, stopped", "io8[0x443] := 0x0; pass 29 s; io8[0x443] := 0x0; pass 29 s; io8[0x441] := 0x0; pass 100 s"],
    ["a timeout of 1 s is code 14: 2 s", "io8[0x443] := 0xe; pass 1999999999 ns; pass 1 ns: fire"],
    ["a timeout of 0 is code 15: at once", `io8[0x443] := 0xf; ${AT_ONCE}`],
  ]),
];
