/** What people and programs wrote: whole numbers, and how much of it is told. */

/** Digits and nothing else as a number; NaN, which is in no range, for any other text. */
export function wholeNumber(text: string): number {
  for (const character of text) if (!"0123456789".includes(character)) return Number.NaN;
  return text === "" ? Number.NaN : Number(text);
}

/** As much of it as goes into a message. */
export function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
