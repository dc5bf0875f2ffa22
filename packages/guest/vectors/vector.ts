/** Vectors: tests as data. The same ones run in Node and, linked into bernard-guest-tests, inside the daemon's own engine. */

export interface Suite {
  readonly name: string;
  readonly cases: readonly { readonly name: string; readonly actual: () => unknown; readonly expected: unknown }[];
}

/** Cases of one function: each calls `subject` with `input` and expects its result, compared as JSON. */
export function suite<Input>(
  name: string,
  subject: (input: Input) => unknown,
  table: readonly (readonly [name: string, input: Input, expected: unknown])[],
): Suite {
  return {
    name,
    cases: table.map(([title, input, expected]) => ({ name: title, actual: () => subject(input), expected })),
  };
}

/** As the comparison sees it; NaN, which JSON has not, stays apart from null. */
export function comparable(value: unknown): string {
  return JSON.stringify(value, (_, item) => (Number.isNaN(item) ? "NaN" : item)) ?? "undefined";
}
