import assert from "node:assert/strict";
import { test } from "node:test";
import { ChannelReader, type GuestMessage, LineSplitter, MAX_LINE_BYTES } from "@bernard/protocol";
import fc from "fast-check";
import { BURST_LINES, LINES_PER_SECOND } from "../src/channel-reader.ts";
import { beat, bye, hello, samples } from "./samples.ts";

const encoder = new TextEncoder();
const lineOf = (message: GuestMessage) => encoder.encode(`${JSON.stringify(message)}\n`);

test("a message cut within a character arrives whole", () => {
  const message: GuestMessage = { ...beat, checks: [{ ...beat.checks[0]!, reason: "Gerät 🙂 weg" }] };
  const reader = new ChannelReader();
  const got = [...lineOf(message)].flatMap((byte) => reader.push(Uint8Array.of(byte), 0));
  assert.deepEqual(got, [message]);
});

test("an endless line is dropped, counted once, and the next message is read", () => {
  const reader = new ChannelReader();
  const chunk = new Uint8Array(65_536).fill(0x61);
  for (let i = 0; i < 100; i++) assert.deepEqual(reader.push(chunk, 0), []);
  assert.deepEqual(reader.push(encoder.encode("\n"), 0), []);
  assert.deepEqual(reader.push(lineOf(bye), 0), [bye]);
  assert.deepEqual(reader.dropped, { overlong: 1, garbled: 0, flooded: 0 });
});

test("the longest line that is allowed is read, one byte more is not", () => {
  const bare = lineOf(bye).length;
  const padded = (length: number) => encoder.encode(`${JSON.stringify(bye)}${" ".repeat(length - bare)}\n`);
  const reader = new ChannelReader();
  assert.deepEqual(reader.push(padded(MAX_LINE_BYTES), 0), [bye]);
  assert.deepEqual(reader.push(padded(MAX_LINE_BYTES + 1), 0), []);
  assert.equal(reader.dropped.overlong, 1);
});

test("noise between messages is counted and harms none", () => {
  const reader = new ChannelReader();
  const noise = encoder.encode('login: root\n{"type":"beat"\n\n\r\n');
  const bytes = Buffer.concat([lineOf(hello), noise, Uint8Array.of(0xff, 0xfe, 0x0a), lineOf(beat)]);
  assert.deepEqual(reader.push(bytes, 0), [hello, beat]);
  assert.deepEqual(reader.dropped, { overlong: 0, garbled: 3, flooded: 0 });
});

test("a flood is cut off after the burst and read again as time passes", () => {
  const reader = new ChannelReader();
  const flood = Buffer.concat(Array(BURST_LINES + 50).fill(lineOf(beat)));
  assert.equal(reader.push(flood, 1000).length, BURST_LINES);
  assert.equal(reader.dropped.flooded, 50);
  assert.equal(reader.push(flood, 2000).length, LINES_PER_SECOND);
  assert.equal(reader.push(flood, 3_600_000).length, BURST_LINES);
});

test("a clock that steps back grants nothing", () => {
  const reader = new ChannelReader();
  const flood = Buffer.concat(Array(BURST_LINES).fill(lineOf(beat)));
  reader.push(flood, 10_000);
  assert.equal(reader.push(flood, 5_000).length, 0);
  assert.equal(reader.push(flood, 10_000).length, 0);
});

/** `bytes` cut into chunks of the given lengths, over and over. */
function chunksOf(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const end = at + lengths[i % lengths.length]!;
    chunks.push(bytes.subarray(at, end));
    at = end;
  }
  return chunks;
}

const cuts = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 });

test("messages between garbage lines all survive, however the bytes are cut", () => {
  const garbage = fc.uint8Array({ maxLength: 400 }).map((bytes) => bytes.map((byte) => (byte === 0x0a ? 0 : byte)));
  const piece = fc.record({ before: garbage, message: fc.constantFrom(...samples) });
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 20 }), cuts, (pieces, lengths) => {
      const newline = Uint8Array.of(0x0a);
      const bytes = Buffer.concat(pieces.flatMap(({ before, message }) => [before, newline, lineOf(message)]));
      const reader = new ChannelReader();
      const got = chunksOf(bytes, lengths).flatMap((chunk) => reader.push(chunk, 0));
      assert.deepEqual(
        got,
        pieces.map(({ message }) => message),
      );
    }),
  );
});

test("no bytes in no chunking make the reader throw, and cutting changes nothing", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 3000 }),
    fc.string({ maxLength: 3000 }).map((s) => encoder.encode(s)),
  );
  fc.assert(
    fc.property(bytes, cuts, (bytes, lengths) => {
      const cut = new ChannelReader();
      const whole = new ChannelReader();
      const got = chunksOf(bytes, lengths).flatMap((chunk) => cut.push(chunk, 0));
      assert.deepEqual(got, whole.push(bytes, 0));
      assert.deepEqual(cut.dropped, whole.dropped);
    }),
  );
});

test("the unfinished line never takes more memory than the limit, whatever the chunks", () => {
  const limit = 1000;
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 2 * limit }), { maxLength: 30 }), (chunks) => {
      const splitter = new LineSplitter(limit);
      for (const chunk of chunks) {
        for (const line of splitter.push(chunk)) assert.ok(line.length < limit);
        assert.ok(splitter.heldBytes <= limit);
      }
    }),
  );
});
