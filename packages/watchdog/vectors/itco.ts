/** What is known of the iTCO, fact by fact. */
import { chapter, type Vector } from "./vector.ts";

const MAY_FIRE = "gcs32[0x0] := 0x0";
const FEED = "io16[0x660] := 0x1";
const TIMER = (ticks: number) => `io16[0x672] := 0x${ticks.toString(16)}`;
/** Loads the timer with so many ticks, and begins it. */
const BEGIN = (ticks: number) => `${TIMER(ticks)}; ${FEED}`;
const HALT = "io16[0x668] := 0x800";
const RUN = "io16[0x668] := 0x0";
const HAS_FIRED = "io16[0x666] = 0x6";
/** A count of 0 that the timer takes for more than 1: it runs out at once, and again. */
const EMPTY = 0x400;
/** A count of 1 that the timer takes for more. */
const SHORT = 0x401;
const AT_ONCE = "pass 0 ns: fire";
const FIRED = `${MAY_FIRE}; ${BEGIN(EMPTY)}; ${AT_ONCE}`;

/** What reads how at power-on. */
const POWER_ON: readonly (readonly [string, string])[] = [
  ["RLD", "io16[0x660] = 0x0"],
  ["DAT_IN", "io8[0x662] = 0x0"],
  ["DAT_OUT", "io8[0x663] = 0x0"],
  ["STS1", "io16[0x664] = 0x0"],
  ["STS2", "io16[0x666] = 0x0"],
  ["CNT1: it is not halted, and stands all the same", "io16[0x668] = 0x0; pass 100 s; io16[0x664] = 0x0"],
  ["CNT2", "io16[0x66a] = 0x8"],
  ["MESSAGE1, MESSAGE2", "io8[0x66c] = 0x0; io8[0x66d] = 0x0"],
  ["WDCNT", "io8[0x66e] = 0x0"],
  ["SW_IRQ_GEN", "io8[0x670] = 0x3"],
  ["TMR: 4 ticks", "io16[0x672] = 0x4"],
  ["GCS: NO_REBOOT", "gcs32[0x0] = 0x20"],
];

export const itcoVectors: readonly Vector[] = [
  ...chapter("itco: power-on", POWER_ON),
  ...chapter("itco: registers", [
    [
      "DAT_IN, DAT_OUT, the messages, WDCNT and SW_IRQ_GEN are storage of 8 bits",
      "io8[0x662] := 0x11; io8[0x663] := 0x22; io8[0x66c] := 0x33; io8[0x66d] := 0x44; io8[0x66e] := 0x55; io8[0x670] := 0x66; io8[0x662] = 0x11; io8[0x663] = 0x22; io8[0x66c] = 0x33; io8[0x66d] = 0x44; io8[0x66e] = 0x55; io8[0x670] = 0x66",
    ],
    ["CNT2 is storage of 16 bits", "io16[0x66a] := 0x1234; io16[0x66a] = 0x1234"],
    ["TMR keeps 16 bits, of which 10 count", "io16[0x672] := 0xffff; io16[0x672] = 0xffff"],
    ["DAT_IN sets bit 1 of STS1", "io8[0x662] := 0x0; io16[0x664] = 0x2"],
    ["DAT_OUT sets bit 2 of STS1", "io8[0x663] := 0x0; io16[0x664] = 0x4"],
    [
      "a write to STS1 clears what it knows, and keeps the other bits as written",
      "io8[0x662] := 0x0; io16[0x664] := 0xffff; io16[0x664] = 0xe870",
    ],
    ["even a write of 0 clears", "io8[0x662] := 0x0; io16[0x664] := 0x0; io16[0x664] = 0x0"],
    ["a write to STS2 likewise", `${FIRED}; ${HAS_FIRED}; io16[0x666] := 0xffff; io16[0x666] = 0xfff8`],
    ["bit 8 of CNT1 is never set", "io16[0x668] := 0xefff; io16[0x668] = 0xeeff"],
    [
      "8 bits to a register of 16 clear its upper ones",
      "io16[0x66a] := 0x1234; io8[0x66a] := 0x56; io16[0x66a] = 0x56",
    ],
    ["8 bits read the lower ones", "io16[0x66a] := 0x1234; io8[0x66a] = 0x34"],
    [
      "the second byte of a register is nobody's",
      "io16[0x66a] := 0x1234; io8[0x66b] := 0x56; io8[0x66b] = 0x0; io16[0x66a] = 0x1234",
    ],
    [
      "16 bits to a register of 8 reach no other",
      "io16[0x66c] := 0x1234; io8[0x66c] = 0x34; io8[0x66d] = 0x0; io16[0x66c] = 0x34",
    ],
    [
      "32 bits are two accesses of 16",
      "io32[0x668] := 0x56780800; io16[0x668] = 0x800; io16[0x66a] = 0x5678; io32[0x668] = 0x56780800",
    ],
    [
      "what is not aligned is cut into bytes and words",
      "io16[0x66d] := 0x1234; io8[0x66d] = 0x34; io8[0x66e] = 0x12; io32[0x66d] := 0x55667788; io8[0x66d] = 0x88; io8[0x66e] = 0x77; io8[0x670] = 0x55",
    ],
    [
      "from 0x674 to 0x67f there is nothing, and it reads as zeros",
      "io16[0x674] := 0xffff; io16[0x674] = 0x0; io8[0x67f] = 0x0",
    ],
    [
      "below and above nobody answers",
      "io8[0x67f] = 0x0; io16[0x67f] = 0xff00; io32[0x67e] = 0xffff0000; io8[0x680] = 0xff",
    ],
    [
      "GCS is storage",
      "gcs32[0x0] := 0xdeadbeef; gcs32[0x0] = 0xdeadbeef; gcs8[0x3] = 0xde; gcs16[0x2] := 0x1234; gcs8[0x0] := 0x0; gcs32[0x0] = 0x1234be00",
    ],
  ]),
  ...chapter("itco: counting", [
    ["a feed begins it: 4 ticks of 600 ms, twice", `${MAY_FIRE}; ${FEED}; pass 4799999999 ns; pass 1 ns: fire`],
    ["so does a write to CNT1", `${MAY_FIRE}; ${RUN}; pass 4799999999 ns; pass 1 ns: fire`],
    ["2 ticks are the least", `${MAY_FIRE}; ${BEGIN(2)}; pass 2399999999 ns; pass 1 ns: fire`],
    [
      "with 1 or none it does not begin",
      `${MAY_FIRE}; ${BEGIN(1)}; pass 100 s; ${BEGIN(0)}; pass 100 s; io16[0x664] = 0x0`,
    ],
    ["1023 are the most: 1227.6 s", `${MAY_FIRE}; ${BEGIN(0x3ff)}; pass 1227599999999 ns; pass 1 ns: fire`],
    ["the upper bits let a count of 1 begin", `${MAY_FIRE}; ${BEGIN(SHORT)}; pass 1199999999 ns; pass 1 ns: fire`],
    ["and a count of 0: it fires at once", FIRED],
    [
      "RLD tells the whole ticks until it next runs out",
      `${BEGIN(4)}; io16[0x660] = 0x4; pass 1 ns; io16[0x660] = 0x3; pass 600 ms; io16[0x660] = 0x2; pass 1700 ms; io16[0x660] = 0x0; pass 200 ms; io16[0x660] = 0x3`,
    ],
    ["and above them the upper bits of TMR", `${BEGIN(0xf002)}; io16[0x660] = 0xf002; pass 1 s; io16[0x660] = 0xf000`],
    [
      "what is written to RLD does not matter",
      `${MAY_FIRE}; io16[0x660] := 0x3ff; io16[0x660] = 0x4; pass 4800 ms: fire`,
    ],
    ["unless it does not begin: then RLD keeps it", `${HALT}; io16[0x660] := 0xbeef; io16[0x660] = 0xbeef`],
    [
      "a new TMR counts when it next begins, be it by itself",
      `${MAY_FIRE}; ${BEGIN(4)}; ${TIMER(2)}; pass 3599999999 ns; pass 1 ns: fire`,
    ],
    [
      "the first time it runs out, bit 3 of STS1 is set",
      `${MAY_FIRE}; ${BEGIN(2)}; pass 1200 ms; io16[0x664] = 0x8; io16[0x666] = 0x0`,
    ],
    [
      "to clear that does not matter: it fires the next time",
      `${MAY_FIRE}; ${BEGIN(2)}; pass 1200 ms; io16[0x664] := 0x8; io16[0x664] = 0x0; pass 1200 ms: fire`,
    ],
    [
      "a feed does: it must run out twice again",
      `${MAY_FIRE}; ${BEGIN(2)}; pass 2399999999 ns; ${FEED}; pass 2399999999 ns; pass 1 ns: fire`,
    ],
    [
      "a feed in between of a device that cannot begin forgets the first, and lets it run",
      `${MAY_FIRE}; ${BEGIN(2)}; pass 1300 ms; ${TIMER(1)}; ${FEED}; ${TIMER(2)}; pass 2299999999 ns; pass 1 ns: fire`,
    ],
    ["halted, it stands", `${MAY_FIRE}; ${BEGIN(2)}; ${HALT}; io16[0x660] = 0x2; pass 100 s; ${FEED}; pass 100 s`],
    [
      "and begins anew when it is not halted any more",
      `${MAY_FIRE}; ${BEGIN(2)}; pass 1 s; ${HALT}; pass 10 s; ${RUN}; pass 2399999999 ns; pass 1 ns: fire`,
    ],
    [
      "but having run out once is remembered: it fires in half the time, unless it is fed before",
      `${MAY_FIRE}; ${BEGIN(2)}; pass 1300 ms; ${HALT}; ${RUN}; pass 1199999999 ns; pass 1 ns: fire; ${BEGIN(2)}; pass 1300 ms; ${HALT}; ${FEED}; ${RUN}; pass 2399999999 ns; pass 1 ns: fire`,
    ],
    ["a write to CNT1 of a timer of 1 tick stops it", `${MAY_FIRE}; ${BEGIN(2)}; ${TIMER(1)}; ${RUN}; pass 100 s`],
  ]),
  ...chapter("itco: fire and reset", [
    ["bits 1 and 2 of STS2 tell of it", `${FIRED}; ${HAS_FIRED}; io16[0x664] = 0x8`],
    ["it stands then, though nothing says so", `${FIRED}; io16[0x660] = 0x0; io16[0x668] = 0x0; pass 100 s`],
    [
      "a feed begins it again",
      `${MAY_FIRE}; ${BEGIN(SHORT)}; pass 1200 ms: fire; ${FEED}; pass 1199999999 ns; pass 1 ns: fire`,
    ],
    ["with NO_REBOOT it goes around for ever, and does not fire", `${BEGIN(2)}; pass 100 s; io16[0x664] = 0x8`],
    ["but says that it has", `${BEGIN(SHORT)}; pass 1200 ms; ${HAS_FIRED}`],
    [
      "NO_REBOOT is asked for when it runs out the second time",
      `${BEGIN(2)}; pass 2300 ms; ${MAY_FIRE}; pass 99999999 ns; pass 1 ns: fire`,
    ],
    ["any other bit of GCS does not matter", `gcs32[0x0] := 0xffffffdf; ${BEGIN(EMPTY)}; ${AT_ONCE}`],
    ["a reset sets NO_REBOOT", `${MAY_FIRE}; reset; gcs32[0x0] = 0x20`],
    [
      "and nothing else",
      "io16[0x668] := 0x800; io16[0x672] := 0x123; io16[0x66a] := 0x1234; io8[0x66e] := 0x5; reset; io16[0x668] = 0x800; io16[0x672] = 0x123; io16[0x66a] = 0x1234; io8[0x66e] = 0x5",
    ],
    ["STS2 stays, for the next boot to read", `${FIRED}; reset; ${HAS_FIRED}`],
    [
      "a timer that runs, runs on",
      `${BEGIN(2)}; pass 1 s; reset; pass 200 ms; io16[0x664] = 0x8; ${MAY_FIRE}; pass 1199999999 ns; pass 1 ns: fire`,
    ],
  ]),
  // Last: no reset clears the lock, so on a real QEMU it stays.
  ...chapter("itco: the lock", [
    [
      "bit 12 of CNT1 stays, even through a reset",
      "io16[0x668] := 0x1000; io16[0x668] := 0x0; io16[0x668] = 0x1000; reset; io16[0x668] = 0x1000",
    ],
    [
      "and locks nothing: it can be halted",
      `${MAY_FIRE}; io16[0x668] := 0x1000; ${HALT}; io16[0x668] = 0x1800; pass 100 s`,
    ],
  ]),
];
