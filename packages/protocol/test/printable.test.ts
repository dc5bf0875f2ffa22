import assert from "node:assert/strict";
import { test } from "node:test";
import { printable } from "@bernard/protocol";

const table: readonly [what: string, text: string, shown: string][] = [
  ["plain words", "disk /data: write failed (EIO)", "disk /data: write failed (EIO)"],
  ["other scripts", "Größe 容量 🙂", "Größe 容量 🙂"],
  ["line ends and tabs", "a\r\n\tb", "a\\u{d}\\u{a}\\u{9}b"],
  ["a colour", "\x1b[31mred", "\\u{1b}[31mred"],
  ["an eight-bit control", "\x9b2J", "\\u{9b}2J"],
  ["delete", "\x7f", "\\u{7f}"],
  ["a bidirectional override", "\u202eevil", "\\u{202e}evil"],
  ["a zero-width space", "a\u200bb", "a\\u{200b}b"],
  ["a line separator", "a\u2028b", "a\\u{2028}b"],
  ["half a surrogate pair", "a\ud83d", "a\\u{d83d}"],
  ["an invisible tag", "\u{e0041}", "\\u{e0041}"],
];

for (const [what, text, shown] of table) {
  test(what, () => assert.equal(printable(text), shown));
}
