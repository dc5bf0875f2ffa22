import assert from "node:assert/strict";
import { test } from "node:test";
import {
  MAX_CHECKS,
  MAX_LINE_BYTES,
  MAX_NAME_LENGTH,
  MAX_READINGS,
  MAX_REASON_LENGTH,
  parseMessage,
} from "@bernard/protocol";
import fc from "fast-check";
import { beat, bye, hello, lastWords, samples } from "./samples.ts";

const [check] = beat.checks;

for (const message of samples) {
  test(`a ${message.type} comes back as it was sent`, () => {
    assert.deepEqual(parseMessage(JSON.stringify(message)), { ok: true, message });
  });
}

test("a guest that feeds nothing says hello without a device", () => {
  const message = { ...hello, device: null };
  assert.deepEqual(parseMessage(JSON.stringify(message)), { ok: true, message });
});

test("keys of a later version are dropped", () => {
  const line = JSON.stringify({ ...beat, mood: "fine", checks: [{ ...check, colour: "red" }] });
  assert.deepEqual(parseMessage(line), { ok: true, message: beat });
});

test("a reason that is too long is cut, its message is kept", () => {
  const parsed = parseMessage(JSON.stringify({ ...lastWords, reason: "x".repeat(5000) }));
  assert.ok(parsed.ok);
  assert.deepEqual(parsed.message, { ...lastWords, reason: "x".repeat(MAX_REASON_LENGTH) });
});

const many = (length: number) => Object.fromEntries(Array.from({ length }, (_, i) => [`r${i}`, i]));

const refused: readonly [what: string, line: string, problem: RegExp][] = [
  ["nothing", "", /^no JSON$/],
  ["half a message", JSON.stringify(beat).slice(0, 40), /^no JSON$/],
  ["a number", "7", /^message: /],
  ["null", "null", /^message: /],
  ["a list", "[]", /^message: /],
  ["deep nesting", "[".repeat(MAX_LINE_BYTES - 1), /^no JSON$/],
  ["an unknown type", JSON.stringify({ ...bye, type: "shutdown" }), /^type: /],
  ["another version", JSON.stringify({ ...bye, v: 2 }), /^v: /],
  ["no time", JSON.stringify({ ...bye, at: undefined }), /^at: /],
  ["a negative time", JSON.stringify({ ...bye, at: -1 }), /^at: /],
  ["an infinite time", JSON.stringify(bye).replace("99", "1e999"), /^at: /],
  ["a time in words", JSON.stringify({ ...bye, at: "99" }), /^at: /],
  ["half a feed", JSON.stringify({ ...beat, feeds: 0.5 }), /^feeds: /],
  ["an unknown verdict", JSON.stringify({ ...beat, checks: [{ ...check, verdict: "ok" }] }), /^checks\.0\.verdict: /],
  [
    "a reading in words",
    JSON.stringify({ ...beat, checks: [{ ...check, readings: { a: "b" } }] }),
    /^checks\.0\.readings\.a: /,
  ],
  ["readings in a list", JSON.stringify({ ...beat, checks: [{ ...check, readings: [1] }] }), /^checks\.0\.readings: /],
  ["no readings", JSON.stringify({ ...beat, checks: [{ ...check, readings: null }] }), /^checks\.0\.readings: /],
  [
    "an infinite reading",
    JSON.stringify({ ...beat, checks: [{ ...check, readings: { a: 99 } }] }).replace(":99}", ":1e999}"),
    /^checks\.0\.readings\.a: /,
  ],
  [
    "too long a reading's name",
    JSON.stringify({ ...beat, checks: [{ ...check, readings: { ["r".repeat(MAX_NAME_LENGTH + 1)]: 1 } }] }),
    /^checks\.0\.readings\.r+: too long/,
  ],
  [
    "too many readings",
    JSON.stringify({ ...beat, checks: [{ ...check, readings: many(MAX_READINGS + 1) }] }),
    /readings/,
  ],
  ["too many checks", JSON.stringify({ ...beat, checks: Array(MAX_CHECKS + 1).fill(check) }), /^checks: /],
  ["too long a name", JSON.stringify({ ...hello, version: "9".repeat(MAX_NAME_LENGTH + 1) }), /^version: /],
];

for (const [what, line, problem] of refused) {
  test(`${what} is no message`, () => {
    const parsed = parseMessage(line);
    assert.ok(!parsed.ok);
    assert.match(parsed.problem, problem);
  });
}

test("what is told of a bad message carries no escape sequence of it", () => {
  const parsed = parseMessage(JSON.stringify({ ...beat, checks: [{ ...check, readings: { "\x1b[2J": "x" } }] }));
  assert.ok(!parsed.ok);
  assert.match(parsed.problem, /^checks\.0\.readings\.\\u\{1b\}\[2J: /);
});

test("readings named like parts of every object change no object", () => {
  const line = JSON.stringify(beat).replace("available_kib", "__proto__").replace("full_avg10_percent", "constructor");
  const parsed = parseMessage(line);
  assert.ok(parsed.ok && parsed.message.type === "beat");
  const readings = parsed.message.checks[0]!.readings;
  assert.deepEqual(Object.entries(readings), [["constructor", 41.5]]); // __proto__ is dropped
  assert.equal(Object.getPrototypeOf(readings), Object.prototype);
  assert.equal(Object.keys(Object.prototype).length, 0);
});

test("any JSON at all is either a message or a problem", () => {
  fc.assert(
    fc.property(fc.json(), fc.constantFrom(...samples), fc.nat(), (json, sample, pick) => {
      parseMessage(json);
      const keys = Object.keys(sample);
      const parsed = parseMessage(JSON.stringify({ ...sample, [keys[pick % keys.length]!]: JSON.parse(json) }));
      assert.equal(typeof parsed.ok, "boolean");
    }),
  );
});
