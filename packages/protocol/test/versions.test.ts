/** Guests and hosts are not upgraded together: each understands what the other's version before and after says. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ChannelReader } from "@bernard/protocol";

const fixtures = join(import.meta.dirname, "fixtures");

/** All that a guest has said, read at once. */
function read(lines: readonly string[]) {
  const reader = new ChannelReader();
  return { messages: reader.push(Buffer.from(`${lines.join("\n")}\n`), 0), dropped: reader.dropped };
}

// Recorded from real guests. A version adds its file; none is changed: a guest of that version still says so.
for (const file of readdirSync(fixtures)) {
  const lines = readFileSync(join(fixtures, file), "utf8").trimEnd().split("\n");
  const said = lines.map((line) => JSON.parse(line));

  test(`${file}: every word is understood`, () => {
    assert.deepEqual(new Set(said.map(({ type }) => type)), new Set(["hello", "beat", "last-words", "bye"]));
    assert.deepEqual(read(lines), { messages: said, dropped: { overlong: 0, garbled: 0, flooded: 0 } });
  });

  test(`${file}: what a later guest says besides takes nothing from it`, () => {
    const later = said.flatMap((message) => [JSON.stringify(withMore(message)), '{"type":"later","v":1,"at":1}']);
    const { messages, dropped } = read(later);
    assert.deepEqual(messages, said);
    assert.equal(dropped.garbled, said.length, "a message that is not known is passed over");
  });
}

/** The same with one more key in each object; readings are free to be more anyway. */
function withMore(value: unknown, key = ""): unknown {
  if (Array.isArray(value)) return value.map((each) => withMore(each));
  if (typeof value !== "object" || value === null || key === "readings") return value;
  const entries = Object.entries(value).map(([name, each]) => [name, withMore(each, name)]);
  return { ...Object.fromEntries(entries), later: { than: "this" } };
}
