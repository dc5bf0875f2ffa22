import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Codec,
  decode,
  double,
  encode,
  hyper,
  int,
  list,
  optional,
  string,
  struct,
  uint,
  unsignedHyper,
  uuid,
  words,
  XdrError,
} from "../../src/libvirt/xdr.ts";

const action = words("pause", "reset");

const VALUES: readonly [string, Codec<never>, unknown, string][] = [
  ["int", int as never, -2, "fffffffe"],
  ["uint", uint as never, 0xffff_fffe, "fffffffe"],
  ["hyper", hyper as never, -2n, "fffffffffffffffe"],
  ["unsigned hyper", unsignedHyper as never, 0xffff_ffff_ffff_fffen, "fffffffffffffffe"],
  ["double", double as never, -0.5, "bfe0000000000000"],
  ["empty string", string as never, "", "00000000"],
  ["string of a whole unit", string as never, "abcd", "0000000461626364"],
  ["string in UTF-8, padded", string as never, "grü", "000000046772c3bc"],
  ["string, padded by three", string as never, "vmbus", "00000005766d627573000000"],
  ["UUID", uuid as never, "9a9f5bcf-e189-414a-9a2f-eff3117dd7e3", "9a9f5bcfe189414a9a2feff3117dd7e3"],
  ["nothing", optional(int) as never, undefined, "00000000"],
  ["something", optional(int) as never, 7, "0000000100000007"],
  ["list", list(string, 2) as never, ["a", "bc"], "00000002000000016100000000000002626300 00"],
  ["struct", struct({ a: int, b: string }) as never, { a: 1, b: "x" }, "000000010000000178000000"],
  ["word", action as never, "reset", "00000001"],
  ["word that is newer than we are", action as never, "unknown-7", "00000007"],
];

for (const [name, codec, value, hex] of VALUES) {
  test(`${name}: ${String(value)} and its bytes`, () => {
    const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
    assert.deepEqual(encode(codec, value as never), bytes);
    assert.deepEqual(decode(codec, bytes), value);
  });
}

const WRONG: readonly [string, Codec<unknown>, string, RegExp][] = [
  ["a word cut short", int, "000000", /4 bytes wanted, 3 left/],
  ["a string longer than what is left", string, "0000000561626364", /5 bytes wanted, 4 left/],
  ["a string over libvirt's limit", string, "00400001", /4194305 bytes/],
  ["a string without its padding", string, "000000016100", /1 bytes wanted, 2 left/],
  ["a list over its limit", list(int, 2), "00000003 00000001 00000002 00000003", /a list of 3/],
  ["a list that cannot be there", list(int, 2 ** 31), "7fffffff 00000001", /a list of 2147483647, 4 bytes left/],
  ["neither there nor not", optional(int), "00000002 00000001", /2 where 0 or 1/],
  ["bytes left over", int, "00000001 00000002", /4 bytes left over/],
];

for (const [name, codec, hex, message] of WRONG) {
  test(`${name} is refused`, () => {
    const bytes = Buffer.from(hex.replaceAll(" ", ""), "hex");
    assert.throws(
      () => decode(codec, bytes),
      (error) => error instanceof XdrError && message.test(error.message),
    );
  });
}

test("what libvirt would not take is not sent", () => {
  assert.throws(() => encode(uuid, "no UUID"), XdrError);
  assert.throws(() => encode(string, "x".repeat(4_194_305)), XdrError);
  assert.throws(() => encode(list(int, 1), [1, 2]), XdrError);
  assert.throws(() => encode(action, "fly" as "reset"), XdrError);
});

test("whatever is written is read back, and takes whole units", () => {
  const codec = struct({ text: string, more: list(optional(hyper), 50), number: uint });
  const hypers = fc.option(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { nil: undefined });
  const value = fc.record(
    {
      text: fc.string({ unit: "grapheme" }),
      more: fc.array(hypers, { maxLength: 50 }),
      number: fc.nat({ max: 0xffff_ffff }),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(value, (each) => {
      const bytes = encode(codec, each);
      assert.equal(bytes.length % 4, 0);
      assert.deepEqual(decode(codec, bytes), each);
    }),
  );
});
