/** The table: written and read back, refused where no driver could use it, and carried out on the device that it describes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { q35Wdat, readWdat, type Wdat, WdatError, writeWdat } from "../src/index.ts";
import { WdatDriver } from "./wdat-driver.ts";

const S = 1_000_000_000n;

const field = fc
  .record({
    space: fc.constantFrom("io" as const, "memory" as const),
    bytes: fc.constantFrom(1 as const, 2 as const, 4 as const),
  })
  .chain(({ space, bytes }) =>
    fc.nat(8 * bytes - 1).chain((bitOffset) =>
      fc.record({
        space: fc.constant(space),
        bytes: fc.constant(bytes),
        bitOffset: fc.constant(bitOffset),
        bits: fc.integer({ min: 1, max: 8 * bytes - bitOffset }),
        address: fc.bigInt(0n, (space === "io" ? 0x1_0000n : 1n << 64n) - BigInt(bytes)),
      }),
    ),
  );

const entry = field.chain((it) => {
  const number = fc.integer({ min: 0, max: 2 ** it.bits - 1 });
  return fc.record({
    action: fc.constantFrom(
      ...q35Wdat.entries.map(({ action }) => action),
      "does shut down" as const,
      "set shutdown" as const,
    ),
    instruction: fc.constantFrom(
      "read value" as const,
      "read count" as const,
      "write value" as const,
      "write count" as const,
    ),
    preserve: fc.boolean(),
    field: fc.constant(it),
    value: number,
    mask: number,
  });
});

const name = (maxLength: number) =>
  fc.string({ maxLength, unit: fc.constantFrom(..."ABCxyz019 _-") }).map((text) => text.trimEnd());
const word = fc.integer({ min: 0, max: 0xffff_ffff });

const anyWdat: fc.Arbitrary<Wdat> = fc
  .record({
    oemId: name(6),
    oemTableId: name(8),
    oemRevision: word,
    creatorId: name(4),
    creatorRevision: word,
    pci: fc.option(fc.record({ segment: fc.nat(0xffff), bus: fc.nat(0xff), device: fc.nat(31), function: fc.nat(7) }), {
      nil: undefined,
    }),
    periodMs: fc.integer({ min: 1, max: 0xffff }),
    counts: fc.tuple(fc.nat(0xffff), fc.nat(0xffff)),
    enabled: fc.boolean(),
    stoppedInSleep: fc.boolean(),
    entries: fc.array(entry, { maxLength: 40 }),
  })
  .map(({ counts, ...rest }) => ({ ...rest, minCount: Math.min(...counts), maxCount: Math.max(...counts) }));

test("whatever can be written is read back as it was", () => {
  fc.assert(
    fc.property(anyWdat, (wdat) => assert.deepEqual(readWdat(writeWdat(wdat)), structuredClone(wdat))),
    { numRuns: 500 },
  );
});

test("bytes of any kind are read, or refused by a WdatError", () => {
  const table = writeWdat(q35Wdat);
  const spoilt = fc
    .array(fc.tuple(fc.nat(table.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
    .map((changes) =>
      summed(table, (bytes) => {
        for (const [at, byte] of changes) bytes[at] = byte;
      }),
    );
  let refused = 0;
  fc.assert(
    fc.property(fc.oneof(spoilt, fc.uint8Array({ maxLength: 200 })), (bytes) => {
      try {
        readWdat(bytes);
      } catch (error) {
        assert.ok(error instanceof WdatError, String(error));
        refused++;
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(refused > 0);
});

/** A copy of the table, changed, with a checksum that is right again. */
function summed(table: Uint8Array, change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = table.slice();
  change(bytes);
  bytes[9] = 0;
  bytes[9] = -bytes.reduce((sum, byte) => sum + byte, 0);
  return bytes;
}

/** q35's table with one byte changed, and what is said of it. Offsets as in the specification; entries begin at 68. */
const spoiltTables: readonly (readonly [string, (bytes: Uint8Array) => void, string])[] = [
  ["another signature", (bytes) => (bytes[3] = 0x58), 'its signature is "WDAX", not "WDAT"'],
  ["a length that is not its own", (bytes) => (bytes[4]! += 24), "its length is 476, not 452"],
  ["another revision", (bytes) => (bytes[8] = 2), "its revision is 2, not 1"],
  ["a header of another length", (bytes) => (bytes[36] = 68), "its own header's length is 68, not 32"],
  ["more entries than it has room for", (bytes) => (bytes[64] = 17), "it names 17 entries and has room for 16"],
  ["fewer entries than bytes", (bytes) => (bytes[64] = 15), "it names 15 entries and has room for 16"],
  ["a period of 0", (bytes) => bytes.fill(0, 48, 52), "a count takes no time"],
  ["counts the wrong way around", (bytes) => (bytes[57] = 8), "its smallest count is 2050, its largest 1023"],
  ["a time beyond 32 bits of ms", (bytes) => (bytes[55] = 1), "16778239 counts of 1200 ms are too long a time"],
  ["an unknown action", (bytes) => (bytes[68] = 34), "entry 1: there is no action 34"],
  ["an unknown instruction", (bytes) => (bytes[69] = 4), "entry 1: there is no instruction 4"],
  ["an unknown address space", (bytes) => (bytes[72] = 2), "entry 1: there is no address space 2"],
  ["no access size", (bytes) => (bytes[75] = 0), "entry 1: there is no access size 0"],
  ["an access of 8 bytes", (bytes) => (bytes[75] = 4), "entry 1: there is no access size 4"],
  ["a field of no bits", (bytes) => (bytes[73] = 0), "entry 1: 0 bits from bit 0 on are no field of 16 bits"],
  ["a field beyond its register", (bytes) => (bytes[74] = 7), "entry 1: 10 bits from bit 7 on are no field of 16 bits"],
  ["a mask beyond its field", (bytes) => (bytes[89] = 7), "entry 1: the mask 0x7ff reaches beyond its 10 bits"],
  ["a value beyond its field", (bytes) => (bytes[85] = 4), "entry 1: the value 0x401 reaches beyond its 10 bits"],
  [
    "a port beyond the last",
    (bytes) => bytes.fill(0xff, 76, 78),
    "entry 1: 2 bytes at 0xffff reach beyond the end of io",
  ],
];

for (const [what, change, why] of spoiltTables) {
  test(`a table with ${what} is refused`, () => {
    const table = summed(writeWdat(q35Wdat), change);
    assert.throws(() => readWdat(table), {
      name: "WdatError",
      code: "BERNARD_WDAT",
      message: `no usable WDAT: ${why}`,
    });
  });
}

test("a wrong checksum is refused", () => {
  const table = writeWdat(q35Wdat);
  table[100]! ^= 1;
  assert.throws(
    () => readWdat(table),
    /^WdatError: no usable WDAT: its bytes add up to (1|255), not 0: the checksum is wrong$/,
  );
});

test("a table that ends early is refused wherever it ends", () => {
  const table = writeWdat(q35Wdat);
  for (let length = 0; length < table.length; length++) {
    assert.throws(
      () => readWdat(table.subarray(0, length)),
      length < 68 ? /it has \d+ bytes, a header alone 68/ : /its length is 452, not/,
    );
  }
});

test("a table over 64 KiB is neither written nor read", () => {
  const entries = (count: number) => Array.from({ length: count }, () => q35Wdat.entries[0]!);
  const most = 2727;
  assert.equal(writeWdat({ ...q35Wdat, entries: entries(most) }).length, 65_516);
  assert.throws(
    () => writeWdat({ ...q35Wdat, entries: entries(most + 1) }),
    /it is longer than the 65535 bytes that QEMU takes$/,
  );
  assert.throws(() => readWdat(new Uint8Array(65_540)), /it is longer than the 65535 bytes that QEMU takes$/);
});

test("a name that does not fit is refused", () => {
  for (const oemId of ["BERNARD", "café", "A\0", "A "]) {
    assert.throws(() => writeWdat({ ...q35Wdat, oemId }), /is not up to 6 characters of ASCII$/, oemId);
  }
});

test("a table is read from the middle of a buffer too", () => {
  const table = writeWdat(q35Wdat);
  const buffer = new Uint8Array(table.length + 7);
  buffer.set(table, 7);
  assert.deepEqual(readWdat(buffer.subarray(7)), q35Wdat);
});

/** What a guest asks for, in seconds, and after how much time the device fires: in whole counts of 1.2 s, never later. */
const timeouts = [
  [3, 2_400_000_000n],
  [10, 9_600_000_000n],
  [30, 30_000_000_000n],
  [60, 60_000_000_000n],
  [1227, 1_226_400_000_000n],
] as const;

for (const [asked, fires] of timeouts) {
  test(`a guest that asks for ${asked} s and is not fed fires after ${Number(fires) / 1e9} s`, () => {
    const driver = new WdatDriver();
    driver.setTimeout(asked);
    driver.start();
    assert.equal(driver.pass(fires - 1n), 0);
    assert.equal(driver.pass(1n), 1);
  });
}

test("the limits are those of the timer: from 3 to 1227 s, as Linux counts them", () => {
  const { periodMs, minCount, maxCount } = q35Wdat;
  assert.deepEqual([Math.ceil((periodMs * minCount) / 1000), Math.floor((periodMs * maxCount) / 1000)], [3, 1227]);
});

test("fed, it does not fire; then it does", () => {
  const driver = new WdatDriver();
  driver.setTimeout(30);
  driver.start();
  for (let i = 0; i < 10; i++) {
    assert.equal(driver.pass(29n * S), 0);
    driver.feed();
  }
  assert.equal(driver.pass(30n * S), 1);
});

test("what is left is right at each feed, and too little in between", () => {
  const driver = new WdatDriver();
  driver.setTimeout(30);
  driver.start();
  assert.equal(driver.timeLeft(), 30);
  driver.pass(6n * S);
  assert.equal(driver.timeLeft(), 18);
  driver.feed();
  assert.equal(driver.timeLeft(), 30);
});

test("at power-on it does not run, running it does, stopped it does not", () => {
  const driver = new WdatDriver();
  const states: unknown[] = [];
  const look = () => states.push([driver.ask("is running"), driver.ask("is stopped")]);
  look();
  driver.setTimeout(30);
  driver.start();
  look();
  driver.stop();
  look();
  assert.deepEqual(states, [
    [0, 1],
    [1, 0],
    [0, 1],
  ]);
  assert.equal(driver.pass(1000n * S), 0);
});

test("stopped in its second half and started again, it takes its whole time", () => {
  const driver = new WdatDriver();
  driver.setTimeout(30);
  driver.start();
  driver.pass(20n * S);
  driver.stop();
  driver.start();
  assert.equal(driver.pass(30n * S - 1n), 0);
  assert.equal(driver.pass(1n), 1);
});

test("it reboots once it is asked to, and after a sleep once it is started", () => {
  const driver = new WdatDriver();
  assert.equal(driver.ask("does reboot"), 0);
  driver.run("set reboot");
  assert.equal(driver.ask("does reboot"), 1);
  driver.reset(); // as a guest's waking up does
  assert.equal(driver.ask("does reboot"), 0);
  driver.setTimeout(30);
  driver.start();
  assert.equal(driver.ask("does reboot"), 1);
});

test("a fire is remembered through the reset, until it is forgotten", () => {
  const driver = new WdatDriver();
  driver.setTimeout(30);
  driver.start();
  assert.equal(driver.ask("has fired"), 0);
  assert.equal(driver.pass(30n * S), 1);
  driver.reset();
  assert.equal(driver.ask("has fired"), 1);
  assert.equal(driver.ask("is running"), 1); // so Linux feeds it from its driver's start on
  driver.run("forget fire");
  assert.equal(driver.ask("has fired"), 0);
  assert.equal(driver.status2(), 0, "nor has a driver that goes by the other bit anything to tell");
});

test("after a fire that left the guest alive the next feed arms it again", () => {
  const driver = new WdatDriver();
  driver.setTimeout(30);
  driver.start();
  driver.pass(30n * S);
  assert.equal(driver.pass(100n * S), 0);
  driver.feed();
  assert.equal(driver.pass(30n * S), 1);
});
