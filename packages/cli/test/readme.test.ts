/** What the README shows of the demo is what the demo does. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { acts } from "../src/demo/acts.ts";

test("the README's output has every act, with its title", async () => {
  const readme = (await readFile(join(import.meta.dirname, "../../../README.md"))).toString();
  const shown = [...readme.matchAll(/^act (\d) of (\d): (\w+): (.*)$/gm)].map(([, ...parts]) => parts);
  const played = acts.map(({ name, title }, index) => [String(index + 1), String(acts.length), name, title]);
  assert.deepEqual(shown, played);
});
