/** docs/devices.md says what the models do. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { root, run } from "@bernard/tools";
import { fillPage } from "../docs/tables.ts";
import { vectors } from "../vectors/all.ts";

test("docs/devices.md is up to date, and shows every chapter of facts", async () => {
  const page = (await readFile(join(root, "docs/devices.md"))).toString();
  const filled = fillPage(page);
  assert.equal(page, filled.page, "docs/devices.md is out of date: run 'make docs'");
  const chapters = new Set(vectors.map(({ about }) => about));
  assert.deepEqual(filled.chapters, [...chapters]);
});

test("a part that cannot be generated is named", () => {
  assert.throws(() => fillPage("<!-- vectors: colours -->\n<!-- end -->"), /^Error: no chapter of vectors: colours$/);
  assert.throws(() => fillPage("<!-- registers: diag288 -->\n<!-- end -->"), /^Error: no table of registers: diag288$/);
});

/** Runs a program as a reader would, and returns what it prints. */
async function output(program: string): Promise<string> {
  return (await run(process.execPath, ["--input-type=module", "--eval", program], { cwd: root })).toString();
}

test("the example in docs/devices.md fires and resets", async () => {
  const page = (await readFile(join(root, "docs/devices.md"))).toString();
  const program = /```ts\n(.*?)```/s.exec(page)?.[1] as string;
  assert.match(await output(program), /event: 'WATCHDOG'.*event: 'RESET'/s);
});

for (const [file, end] of [
  ["i6300esb.ts", 2_061_582_336_000n],
  ["ib700.ts", 2_000_000_000n],
  ["itco.ts", 4_800_000_000n],
] as const) {
  test(`the example in ${file} fires at its last nanosecond`, async () => {
    const source = (await readFile(join(root, "packages/watchdog/src", file))).toString();
    const lines = [...source.matchAll(/^ \* {5}(.*)$/gm)].map(([, line]) => line);
    const imports = 'import { I6300esb, Ib700, Itco, Timeline, VirtualClock } from "@bernard/watchdog";';
    const example = [imports, ...lines].join("\n");
    const last = `${end}`.replaceAll(/\B(?=(\d{3})+$)/g, "_");
    assert.ok(example.includes(`${last}n`), example);
    assert.equal(await output(example), "fired\n");
    assert.equal(await output(example.replace(`${last}n`, `${end - 1n}n`)), "");
  });
}
