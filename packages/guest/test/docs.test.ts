/** The user's documentation of the guest's daemon says what the program says. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { before, suite, test } from "node:test";
import { buildGuest } from "@bernard/guest/build";
import { root, run } from "@bernard/tools";
import { type Help, parseHelp } from "../package/help.ts";
import { fillTables } from "../package/key-tables.ts";
import { keys } from "../src/settings.ts";

const folder = join(root, "docs/guest");

suite("docs/guest", () => {
  let help: Help;
  const shown: string[] = [];

  before(async () => {
    const { daemon } = await buildGuest("x86_64", () => {});
    help = parseHelp((await run(daemon, ["--help"])).toString());
  });

  test("the tables of keys are the program's own", async () => {
    for (const name of (await readdir(folder)).filter((file) => file.endsWith(".md"))) {
      const page = (await readFile(join(folder, name))).toString();
      const filled = fillTables(page, help);
      assert.equal(page, filled.page, `${name} is out of date: run 'make docs'`);
      shown.push(...filled.shown);
    }
  });

  test("each key is in one table", () => {
    const documented = keys.filter(({ type }) => type !== "retired").map(({ name }) => name);
    assert.deepEqual(shown.toSorted(), documented.toSorted());
  });

  test("a key that the program has not is named", () => {
    assert.throws(
      () => fillTables("<!-- keys: colour -->\n<!-- end of keys -->", help),
      /bernard-guest has not: colour/,
    );
  });
});
