/** What is known of the i6300esb, fact by fact: observed on QEMU 7.2 and 10.2, and true of every one between. */
import { chapter, type Vector } from "./vector.ts";

/** Both preloads 1 at the 1 MHz scale: each stage takes 960 ns. */
const SHORT = "unlock; mem32[0x0] := 0x1; unlock; mem32[0x4] := 0x1; cfg16[0x60] := 0x4";
/** Like SHORT, and silent at the end of the first stage, in whatever QEMU: interrupt type 1. */
const SILENT = "unlock; mem32[0x0] := 0x1; unlock; mem32[0x4] := 0x1; cfg16[0x60] := 0x5";
const PING = "unlock; mem16[0xc] := 0x100";
const ENABLE = "cfg8[0x68] := 0x2";
/** How a script finds out whether the device is unlocked: a preload of 0 is taken, or 0xfffff stays. */
const IS_UNLOCKED = `mem32[0x0] := 0x0; unlock; mem32[0x4] := 0x0; cfg16[0x60] := 0x5; ${ENABLE}; pass 1 ms: fire`;
const IS_LOCKED = `mem32[0x0] := 0x0; unlock; mem32[0x4] := 0x0; cfg16[0x60] := 0x5; ${ENABLE}; pass 1 ms`;
const WITH_PRELOADS = (one: number, two: number) =>
  `unlock; mem32[0x0] := 0x${one.toString(16)}; unlock; mem32[0x4] := 0x${two.toString(16)}`;
/** The driver's setting for so many seconds. */
const LINUX_SECONDS = (seconds: number) => WITH_PRELOADS(seconds << 9, seconds << 9);
const FIRED = `${SILENT}; ${ENABLE}; pass 1 ms: fire`;

export const i6300esbVectors: readonly Vector[] = [
  ...chapter("identity", [
    ["it is 8086:25ab", "cfg32[0x0] = 0x25ab8086; cfg16[0x0] = 0x8086; cfg16[0x2] = 0x25ab"],
    ["of class 0880, revision 0", "cfg32[0x8] = 0x8800000"],
    ["of subsystem 1af4:1100", "cfg32[0x2c] = 0x11001af4"],
    ["once memory is enabled, command is 2, status 0", "cfg32[0x4] = 0x2"],
    ["the header is of type 0", "cfg8[0xe] = 0x0"],
    ["there are no capabilities", "cfg8[0x34] = 0x0"],
    ["there is no interrupt pin", "cfg8[0x3d] = 0x0"],
    ["there is no ROM", "cfg32[0x30] := 0xffffffff; cfg32[0x30] = 0x0"],
    ["BAR0 is of 16 bytes, 32-bit memory", "cfg32[0x10] := 0xffffffff; cfg32[0x10] = 0xfffffff0"],
    [
      "there is no other BAR",
      "cfg32[0x14] := 0xffffffff; cfg32[0x14] = 0x0; cfg32[0x24] := 0xffffffff; cfg32[0x24] = 0x0",
    ],
    [
      "the identity cannot be written",
      "cfg32[0x0] := 0x0; cfg32[0x8] := 0xffffffff; cfg32[0x0] = 0x25ab8086; cfg32[0x8] = 0x8800000",
    ],
    ["of command, these bits can be written", "cfg16[0x4] := 0xffff; cfg16[0x4] = 0x507"],
    ["of status, none", "cfg16[0x6] := 0xffff; cfg16[0x6] = 0x0"],
    [
      "the cache line size and the interrupt line are storage",
      "cfg8[0xc] := 0x5a; cfg8[0x3c] := 0xa5; cfg8[0xc] = 0x5a; cfg8[0x3c] = 0xa5",
    ],
    ["latency and self-test are not", "cfg8[0xd] := 0xff; cfg8[0xf] := 0xff; cfg16[0xc] = 0x0; cfg8[0xf] = 0x0"],
    [
      "with memory disabled nothing answers",
      `${FIRED}; mem16[0xc] = 0x1200; cfg16[0x4] := 0x0; mem16[0xc] = 0x0; cfg16[0x4] := 0x2; mem16[0xc] = 0x1200`,
    ],
    ["at address 0 nothing answers", `${FIRED}; cfg32[0x10] := 0x0; mem16[0xc] = 0x0`],
    ["while the BAR is sized nothing answers", `${FIRED}; cfg32[0x10] := 0xffffffff; mem16[0xc] = 0x0`],
  ]),
  ...chapter("configuration", [
    ["CONFIG starts as 0", "cfg16[0x60] = 0x0"],
    ["LOCK starts as 0", "cfg8[0x68] = 0x0"],
    ["LOCK keeps three bits", "cfg8[0x68] := 0xfe; cfg8[0x68] = 0x6"],
    ["bit 0 of LOCK is the lock", "cfg8[0x68] := 0xff; cfg8[0x68] = 0x7"],
    ["32 bits to 0x60 reach storage only", "cfg32[0x60] := 0xdeadbeef; cfg16[0x60] = 0x0"],
    ["and are read back at 8 and 32 bits", "cfg32[0x60] := 0xdeadbeef; cfg8[0x60] = 0xef; cfg32[0x60] = 0xdeadbeef"],
    ["8 bits to 0x60 reach storage only", "cfg8[0x60] := 0x25; cfg16[0x60] = 0x0; cfg8[0x60] = 0x25"],
    ["32 bits to 0x68 reach storage only", "cfg32[0x68] := 0xdeadbeef; cfg8[0x68] = 0x0; cfg32[0x68] = 0xdeadbeef"],
    ["16 bits to 0x68 reach storage only", "cfg16[0x68] := 0x2; cfg8[0x68] = 0x0; cfg16[0x68] = 0x2"],
    ["what reaches CONFIG is not in storage", "cfg16[0x60] := 0x24; cfg8[0x60] = 0x0; cfg32[0x60] = 0x0"],
    ["what reaches LOCK is not in storage", "cfg8[0x68] := 0x2; cfg16[0x68] = 0x0; cfg32[0x68] = 0x0"],
    [
      "a reset leaves the storage",
      "cfg32[0x60] := 0xdeadbeef; cfg32[0x68] := 0x12345678; reset; cfg32[0x60] = 0xdeadbeef; cfg32[0x68] = 0x12345678",
    ],
    [
      "every byte from 0x40 on is storage",
      "cfg32[0x40] := 0x1020304; cfg32[0xfc] := 0x5060708; cfg32[0x40] = 0x1020304; cfg32[0xfc] = 0x5060708",
    ],
    ["16 bits across 0x60 reach storage only", "cfg16[0x5f] := 0x2424; cfg16[0x60] = 0x0; cfg8[0x5f] = 0x24"],
    ["three bytes from 0x61 are storage", "cfg8[0x61] := 0x11; cfg16[0x62] := 0x3322; cfg32[0x60] = 0x33221100"],
    ["0x0000 in CONFIG", "cfg16[0x60] := 0x0; cfg16[0x60] = 0x0"],
    ["0x0024 in CONFIG", "cfg16[0x60] := 0x24; cfg16[0x60] = 0x24"],
    ["interrupt type 2 (SMI)", "cfg16[0x60] := 0x2; cfg16[0x60] = 0x0", "before-10.2"],
    ["interrupt type 2 (SMI)", "cfg16[0x60] := 0x2; cfg16[0x60] = 0x2", "10.2"],
    ["interrupt type 3 (none), what Linux writes", "cfg16[0x60] := 0x3; cfg16[0x60] = 0x1", "before-10.2"],
    ["interrupt type 3 (none), what Linux writes", "cfg16[0x60] := 0x3; cfg16[0x60] = 0x3", "10.2"],
    ["bit 4 of CONFIG", "cfg16[0x60] := 0x10; cfg16[0x60] = 0x10", "before-10.2"],
    ["bit 4 of CONFIG", "cfg16[0x60] := 0x10; cfg16[0x60] = 0x0", "10.2"],
    ["0x0037 in CONFIG", "cfg16[0x60] := 0x37; cfg16[0x60] = 0x35", "before-10.2"],
    ["0x0037 in CONFIG", "cfg16[0x60] := 0x37; cfg16[0x60] = 0x27", "10.2"],
    ["all bits in CONFIG", "cfg16[0x60] := 0xffff; cfg16[0x60] = 0x35", "before-10.2"],
    ["all bits in CONFIG", "cfg16[0x60] := 0xffff; cfg16[0x60] = 0x27", "10.2"],
  ]),
  ...chapter("memory", [
    [
      "TIMER1 reads 0 at any width",
      "unlock; mem32[0x0] := 0x12345; mem8[0x0] = 0x0; mem16[0x0] = 0x0; mem32[0x0] = 0x0",
    ],
    [
      "TIMER2 reads 0 at any width",
      "unlock; mem32[0x4] := 0x12345; mem8[0x4] = 0x0; mem16[0x4] = 0x0; mem32[0x4] = 0x0",
    ],
    ["GINTSR reads 0 at any width", "mem8[0x8] = 0x0; mem16[0x8] = 0x0; mem32[0x8] = 0x0"],
    ["GINTSR stays 0 after stage 1", `unlock; mem32[0x0] := 0x0; ${ENABLE}; pass 1 ms: irq; mem32[0x8] = 0x0`],
    ["GINTSR takes nothing", "unlock; mem32[0x8] := 0xffffffff; mem32[0x8] = 0x0"],
    ["RELOAD reads 0 before a fire", "mem8[0xc] = 0x0; mem16[0xc] = 0x0; mem32[0xc] = 0x0"],
    ["RELOAD reads 0x1200 at 16 bits after one", `${FIRED}; mem16[0xc] = 0x1200`],
    ["and 0 at 8 and 32 bits", `${FIRED}; mem8[0xc] = 0x0; mem8[0xd] = 0x0; mem32[0xc] = 0x0`],
    ["16 bits at 0x0e read 0", `${FIRED}; mem16[0xe] = 0x0`],
    ["8 bytes are read as two times 4", `${FIRED}; mem64[0x8] = 0x0`],
    ["8 bytes at 0x0a are cut into 2, 4 and 2", `${FIRED}; mem64[0xa] = 0x0`],
    ["4 bytes at 0x0a are cut into 2 and 2", `${FIRED}; mem32[0xa] = 0x12000000`],
    ["2 bytes at 0x0b are cut into 1 and 1", `${FIRED}; mem16[0xb] = 0x0`],
    [
      "8 bytes written at 0 are two writes, of which the first is unlocked",
      `unlock; mem64[0x0] := 0x0; cfg16[0x60] := 0x5; ${ENABLE}; pass 1 ms`,
    ],
    [
      "a preload keeps its low 20 bits",
      `unlock; mem32[0x0] := 0xfff00000; unlock; mem32[0x4] := 0xabc00000; cfg16[0x60] := 0x5; ${ENABLE}; pass 1 ms: fire`,
    ],
  ]),
  ...chapter("unlock", [
    ["80, 86 as 8 bits", `mem8[0xc] := 0x80; mem8[0xc] := 0x86; ${IS_UNLOCKED}`],
    ["80, 86 as 16 bits", `mem16[0xc] := 0x80; mem16[0xc] := 0x86; ${IS_UNLOCKED}`],
    ["80, 86 as 32 bits", `mem32[0xc] := 0x80; mem32[0xc] := 0x86; ${IS_UNLOCKED}`],
    ["80 as 8 bits, 86 as 32 bits", `mem8[0xc] := 0x80; mem32[0xc] := 0x86; ${IS_UNLOCKED}`],
    ["nothing: locked", IS_LOCKED],
    ["80 alone: locked", `mem16[0xc] := 0x80; ${IS_LOCKED}`],
    ["86 alone: locked", `mem16[0xc] := 0x86; ${IS_LOCKED}`],
    ["86, 80: locked", `mem16[0xc] := 0x86; mem16[0xc] := 0x80; ${IS_LOCKED}`],
    ["86, 80, 86: unlocked", `mem16[0xc] := 0x86; mem16[0xc] := 0x80; mem16[0xc] := 0x86; ${IS_UNLOCKED}`],
    [
      "80, 55, 86: unlocked, a wrong value resets nothing",
      `mem16[0xc] := 0x80; mem16[0xc] := 0x55; mem16[0xc] := 0x86; ${IS_UNLOCKED}`,
    ],
    [
      "80, read, 86, read: unlocked, reads do not matter",
      `mem16[0xc] := 0x80; mem16[0xc] = 0x0; mem16[0xc] := 0x86; mem32[0x0] = 0x0; ${IS_UNLOCKED}`,
    ],
    [
      "80, 86, 86 as 16 bits: locked, the third has spent it",
      `mem16[0xc] := 0x80; mem16[0xc] := 0x86; mem16[0xc] := 0x86; ${IS_LOCKED}`,
    ],
    [
      "80, 86, 86 as 8 bits: unlocked, 8 bits spend nothing",
      `mem8[0xc] := 0x80; mem8[0xc] := 0x86; mem8[0xc] := 0x86; ${IS_UNLOCKED}`,
    ],
    ["80, 86, 80: locked", `mem16[0xc] := 0x80; mem16[0xc] := 0x86; mem16[0xc] := 0x80; ${IS_LOCKED}`],
    ["80, 86, 80, 86: unlocked", `unlock; unlock; ${IS_UNLOCKED}`],
    ["80, 86, 16 bits to TIMER1: lost and spent", `unlock; mem16[0x0] := 0x0; ${IS_LOCKED}`],
    ["80, 86, 16 bits to TIMER2: lost and spent", `unlock; mem16[0x4] := 0x0; ${IS_LOCKED}`],
    ["80, 86, 16 bits to GINTSR: lost and spent", `unlock; mem16[0x8] := 0x0; ${IS_LOCKED}`],
    ["80, 86, 32 bits to GINTSR: spent", `unlock; mem32[0x8] := 0x0; ${IS_LOCKED}`],
    ["80, 86, 8 bits to TIMER1: lost, still unlocked", `unlock; mem8[0x0] := 0x0; ${IS_UNLOCKED}`],
    ["80, 86, 8 bits to GINTSR: still unlocked", `unlock; mem8[0x8] := 0xff; ${IS_UNLOCKED}`],
    ["0x180, 0x186: ignored", `mem16[0xc] := 0x180; mem16[0xc] := 0x186; ${IS_LOCKED}`],
    ["80, 86 as bytes at 0x0d: ignored", `mem8[0xd] := 0x80; mem8[0xd] := 0x86; ${IS_LOCKED}`],
    ["80, 86 at 0x0e: ignored", `mem16[0xe] := 0x80; mem16[0xe] := 0x86; ${IS_LOCKED}`],
    ["80, 86 to TIMER1: ignored", `mem32[0x0] := 0x80; mem32[0x0] := 0x86; ${IS_LOCKED}`],
    [
      "one unlock, TIMER1 and TIMER2: only TIMER1 is set",
      `unlock; mem32[0x0] := 0x0; mem32[0x4] := 0x0; cfg16[0x60] := 0x4; ${ENABLE}; pass 1 ms: irq`,
    ],
    ["a configuration write spends nothing", `unlock; cfg16[0x60] := 0x4; cfg8[0x68] := 0x0; ${IS_UNLOCKED}`],
    ["a reset locks", `unlock; reset; ${IS_LOCKED}`],
    ["bit 9 clears the flag", `${FIRED}; unlock; mem16[0xc] := 0x200; mem16[0xc] = 0x0`],
    ["bit 12 clears the flag as well", `${FIRED}; unlock; mem16[0xc] := 0x1000; mem16[0xc] = 0x0`],
    ["while locked nothing clears it", `${FIRED}; mem16[0xc] := 0x1200; mem16[0xc] = 0x1200`],
    ["32 bits of 0x200 to RELOAD do nothing", `${FIRED}; unlock; mem32[0xc] := 0x200; mem16[0xc] = 0x1200`],
    ["and spend the unlock", `${FIRED}; unlock; mem32[0xc] := 0x200; mem16[0xc] := 0x200; mem16[0xc] = 0x1200`],
    ["8 bits of 0x02 at 0x0d do nothing", `${FIRED}; unlock; mem8[0xd] := 0x2; mem16[0xc] = 0x1200`],
    ["16 bits of 0x200 at 0x0e do nothing", `${FIRED}; unlock; mem16[0xe] := 0x200; mem16[0xc] = 0x1200`],
  ]),
  ...chapter("time", [
    [
      "preloads 1 and 1 at 1 kHz",
      `${WITH_PRELOADS(1, 1)}; ${ENABLE}; pass 983039 ns; pass 1 ns: irq; pass 983039 ns; pass 1 ns: fire`,
    ],
    [
      "preloads 3 and 5 at 1 MHz",
      `${WITH_PRELOADS(3, 5)}; cfg16[0x60] := 0x4; ${ENABLE}; pass 2879 ns; pass 1 ns: irq; pass 4799 ns; pass 1 ns: fire`,
    ],
    [
      "Linux, 1 s",
      `${LINUX_SECONDS(1)}; ${ENABLE}; pass 503316479 ns; pass 1 ns: irq; pass 503316479 ns; pass 1 ns: fire`,
    ],
    [
      "Linux, 30 s",
      `${LINUX_SECONDS(30)}; ${ENABLE}; pass 15099494399 ns; pass 1 ns: irq; pass 15099494399 ns; pass 1 ns: fire`,
    ],
    [
      "Linux, 2046 s",
      `${LINUX_SECONDS(2046)}; ${ENABLE}; pass 1029785518079 ns; pass 1 ns: irq; pass 1029785518079 ns; pass 1 ns: fire`,
    ],
    [
      "power-on preloads at 1 MHz",
      `cfg16[0x60] := 0x4; ${ENABLE}; pass 1006631999 ns; pass 1 ns: irq; pass 1006631999 ns; pass 1 ns: fire`,
    ],
    [
      "power-on preloads at 1 kHz",
      `${ENABLE}; pass 1030791167999 ns; pass 1 ns: irq; pass 1030791167999 ns; pass 1 ns: fire`,
    ],
    ["preloads 0 and 0: at once", `${WITH_PRELOADS(0, 0)}; ${ENABLE}; pass 0 ns: irq fire`],
    ["a preload does not touch the stage that runs", `${ENABLE}; ${WITH_PRELOADS(0, 0)}; pass 1 ms`],
    [
      "a scale does not either",
      `${WITH_PRELOADS(1000, 1)}; ${ENABLE}; cfg16[0x60] := 0x4; pass 900 ms; pass 83039999 ns; pass 1 ns: irq`,
    ],
    [
      "a preload counts from the next stage on",
      `${WITH_PRELOADS(1, 1000)}; ${ENABLE}; unlock; mem32[0x4] := 0x0; pass 2 ms: irq fire`,
    ],
    ["a scale too", `${WITH_PRELOADS(1, 1000)}; ${ENABLE}; cfg16[0x60] := 0x4; pass 3 ms: irq fire`],
    [
      "a ping in stage 1 starts it anew",
      `${WITH_PRELOADS(100, 100)}; ${ENABLE}; pass 98 ms; ${PING}; pass 98 ms; pass 304 us: irq`,
    ],
    [
      "a ping in stage 2 goes back to a full stage 1",
      `${WITH_PRELOADS(100, 100)}; ${ENABLE}; pass 150 ms: irq; ${PING}; pass 98 ms; pass 304 us: irq; pass 98 ms; pass 304 us: fire`,
    ],
    ["a ping takes what has been set since", `${ENABLE}; ${WITH_PRELOADS(0, 0)}; ${PING}; pass 0 ns: irq fire`],
    [
      "a ping and the flag in one write",
      `${FIRED}; ${WITH_PRELOADS(0, 0)}; ${ENABLE}; unlock; mem16[0xc] := 0x300; mem16[0xc] = 0x0; pass 0 ns: irq fire`,
    ],
    [
      "LOCK := 2 again does not start anew",
      `${WITH_PRELOADS(100, 100)}; ${ENABLE}; pass 98 ms; ${ENABLE}; pass 304 us: irq`,
    ],
    [
      "LOCK := 0, then 2, does",
      `${WITH_PRELOADS(100, 100)}; ${ENABLE}; pass 98 ms; cfg8[0x68] := 0x0; ${ENABLE}; pass 98 ms; pass 304 us: irq`,
    ],
    ["LOCK := 0 stops", `${SHORT}; ${ENABLE}; cfg8[0x68] := 0x0; pass 1 s`],
    ["a ping while disabled does nothing", `${SHORT}; ${PING}; pass 1 s`],
    ["a 32-bit ping does nothing", `${ENABLE}; ${WITH_PRELOADS(0, 0)}; unlock; mem32[0xc] := 0x100; pass 1 ms`],
    ["an 8-bit ping at 0x0d does nothing", `${ENABLE}; ${WITH_PRELOADS(0, 0)}; unlock; mem8[0xd] := 0x1; pass 1 ms`],
    ["a locked ping does nothing", `${ENABLE}; ${WITH_PRELOADS(0, 0)}; mem16[0xc] := 0x100; pass 1 ms`],
  ]),
  ...chapter("expiry", [
    ["stage 1, type 0: a line about the APIC", `${SHORT}; ${ENABLE}; pass 960 ns: irq`],
    ["stage 1, type 1: silent", `${SILENT}; ${ENABLE}; pass 960 ns; pass 960 ns: fire`],
    [
      "stage 1, type 2: a line about the SMI",
      `${SHORT}; cfg16[0x60] := 0x6; ${ENABLE}; pass 960 ns: smi; pass 960 ns: fire`,
      "10.2",
    ],
    [
      "stage 1, type 2: it is type 0",
      `${SHORT}; cfg16[0x60] := 0x6; ${ENABLE}; pass 960 ns: irq; pass 960 ns: fire`,
      "before-10.2",
    ],
    ["stage 1, type 3: silent", `${SHORT}; cfg16[0x60] := 0x7; ${ENABLE}; pass 1 ms: fire`],
    ["stage 2, output on: fires, and the flag is set", `${SHORT}; ${ENABLE}; pass 1 ms: irq fire; mem16[0xc] = 0x1200`],
    [
      "then it is off: LOCK and CONFIG are 0",
      `${SILENT}; cfg8[0x68] := 0x7; pass 1 ms: fire; cfg8[0x68] = 0x0; cfg16[0x60] = 0x0`,
    ],
    ["and stays off, whatever is written to it as a feed", `${FIRED}; ${PING}; pass 10 s; ${PING}; pass 2100 s`],
    ["with the preloads of power-on", `${FIRED}; cfg16[0x60] := 0x4; ${ENABLE}; pass 1006631999 ns; pass 1 ns: irq`],
    ["and locked", `${SILENT}; ${ENABLE}; unlock; pass 1 ms: fire; ${IS_LOCKED}`],
    ["it can be set and enabled again", `${FIRED}; ${FIRED}`],
    [
      "output off: nothing at the end, and LOCK says enabled",
      `${SILENT}; cfg16[0x60] := 0x25; ${ENABLE}; pass 10 s; cfg8[0x68] = 0x2; mem16[0xc] = 0x0`,
    ],
    [
      "until a ping starts it again",
      `${SILENT}; cfg16[0x60] := 0x25; ${ENABLE}; pass 10 s; cfg16[0x60] := 0x5; pass 10 s; ${PING}; pass 1 ms: fire`,
    ],
    [
      "LOCK := 2 does not start it again",
      `${SILENT}; cfg16[0x60] := 0x25; ${ENABLE}; pass 10 s; cfg16[0x60] := 0x5; ${ENABLE}; pass 10 s`,
    ],
    [
      "output off and free run: around and around",
      `${WITH_PRELOADS(100, 100)}; cfg16[0x60] := 0x20; cfg8[0x68] := 0x6; pass 98304 us: irq; pass 98304 us; pass 98304 us: irq; pass 98304 us; pass 98304 us: irq`,
    ],
    [
      "and fires when the output is on again",
      `${WITH_PRELOADS(100, 100)}; cfg16[0x60] := 0x21; cfg8[0x68] := 0x6; pass 300 ms; cfg16[0x60] := 0x1; pass 100 ms: fire`,
    ],
    [
      "output on and free run: fires once",
      `${SILENT}; cfg8[0x68] := 0x6; pass 1 ms: fire; cfg8[0x68] = 0x0; pass 10 s`,
    ],
    [
      "free run of two empty stages goes on when one is filled",
      `${WITH_PRELOADS(0, 0)}; cfg16[0x60] := 0x25; cfg8[0x68] := 0x6; pass 0 ns; unlock; mem32[0x0] := 0x1; cfg16[0x60] := 0x5; pass 1 ms: fire`,
    ],
    [
      "free run taken away: dead at the end of stage 2",
      `${SILENT}; cfg16[0x60] := 0x25; cfg8[0x68] := 0x6; cfg8[0x68] := 0x2; pass 1 ms; cfg16[0x60] := 0x5; pass 10 s; cfg8[0x68] = 0x2`,
    ],
  ]),
  ...chapter("reset", [
    ["stops", `${SHORT}; ${ENABLE}; reset; pass 10 s`],
    ["clears LOCK and CONFIG", `cfg16[0x60] := 0x25; cfg8[0x68] := 0x7; reset; cfg8[0x68] = 0x0; cfg16[0x60] = 0x0`],
    [
      "sets the preloads of power-on",
      `${SHORT}; reset; cfg16[0x60] := 0x4; ${ENABLE}; pass 1006631999 ns; pass 1 ns: irq`,
    ],
    ["leaves the flag", `${FIRED}; reset; mem16[0xc] = 0x1200`],
    [
      "clears command's other bits, cache line size, interrupt line",
      "cfg16[0x4] := 0x507; cfg8[0xc] := 0x8; cfg8[0x3c] := 0xb; reset; cfg32[0x4] = 0x2; cfg8[0xc] = 0x0; cfg8[0x3c] = 0x0",
    ],
  ]),
  ...chapter("lock", [
    ["LOCK takes nothing any more", "cfg8[0x68] := 0x3; cfg8[0x68] := 0x0; cfg8[0x68] = 0x3"],
    ["CONFIG does", "cfg8[0x68] := 0x3; cfg16[0x60] := 0x24; cfg16[0x60] = 0x24"],
    ["the preloads do, and pings", `cfg8[0x68] := 0x3; ${SILENT}; ${PING}; pass 1 ms: fire`],
    ["locked without enable: cannot be enabled", `${SHORT}; cfg8[0x68] := 0x1; ${ENABLE}; cfg8[0x68] = 0x1; pass 10 s`],
    ["until a reset", `cfg8[0x68] := 0x1; reset; cfg8[0x68] = 0x0; ${ENABLE}; cfg8[0x68] = 0x2`],
    ["a fire unlocks", `${SHORT}; cfg8[0x68] := 0x3; pass 1 ms: irq fire; ${ENABLE}; cfg8[0x68] = 0x2`],
    [
      "the lock bit alone, on an enabled device, disables and locks",
      `${SHORT}; ${ENABLE}; cfg8[0x68] := 0x1; cfg8[0x68] = 0x1; pass 10 s`,
    ],
  ]),
  ...chapter("Linux's i6300esb driver", [
    [
      "probe, after a fire: the flag is read and cleared",
      `${FIRED}; cfg16[0x60] := 0x3; cfg8[0x68] = 0x0; cfg8[0x68] := 0x0; unlock; mem16[0xc] = 0x1200; unlock; mem16[0xc] := 0x300; mem16[0xc] = 0x0`,
    ],
    [
      "set, start, feed, stop",
      `${LINUX_SECONDS(30)}; ${PING}; ${PING}; ${ENABLE}; pass 20 s: irq; ${PING}; pass 15 s; ${PING}; cfg8[0x68] := 0x0; cfg8[0x68] = 0x0; pass 100 s`,
    ],
    [
      "start under nowayout, stop refused",
      `${LINUX_SECONDS(30)}; ${PING}; ${PING}; cfg8[0x68] := 0x3; ${PING}; cfg8[0x68] := 0x0; cfg8[0x68] = 0x3; pass 31 s: irq fire`,
    ],
    [
      "unfed, 30 s are 30.198988800 s",
      `cfg16[0x60] := 0x3; ${LINUX_SECONDS(30)}; ${PING}; ${PING}; ${ENABLE}; pass 30198988799 ns; pass 1 ns: fire`,
    ],
  ]),
  ...chapter("FreeBSD's i6300esbwd driver", [
    [
      "attach and pat",
      `cfg16[0x60] := 0x3; cfg8[0x68] = 0x0; cfg8[0x68] := 0x0; unlock; mem16[0xc] := 0x300; ${PING}; ${WITH_PRELOADS(1024, 1024)}; ${PING}; ${ENABLE}; cfg8[0x68] = 0x2; pass 2013265919 ns; pass 1 ns: fire`,
    ],
  ]),
];
