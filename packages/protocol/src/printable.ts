/** Makes text of a guest safe to show on a terminal and in a log line. */

/** Control, format (bidirectional overrides, zero width), surrogate, private and unassigned characters; line separators. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/** `a\n\x1b[31mb` -> `a\u{a}\u{1b}[31mb`: one line, and nothing in it moves the cursor, changes colours or the direction. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
