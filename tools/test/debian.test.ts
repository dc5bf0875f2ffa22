/** Debian packages: nothing is done where nothing is missing, and apt's refusal says what to do by hand. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ensureInstalled, UserError } from "@bernard/tools";

test("what is installed is not installed again", async () => {
  const told: string[] = [];
  await ensureInstalled(["dpkg", "coreutils"], (line) => told.push(line));
  assert.deepEqual(told, []);
});

test("what apt does not know: its own words, and the command to run by hand", async () => {
  const told: string[] = [];
  await assert.rejects(
    ensureInstalled(["dpkg", "bernard-has-no-such-package"], (line) => told.push(line)),
    (error) => {
      assert.ok(error instanceof UserError);
      assert.match(
        error.message,
        /^apt-get install ended with 100: E: Unable to locate package bernard-has-no-such-pa/,
      );
      assert.match(error.message, /; check the network .* by hand: apt-get install bernard-has-no-such-package$/);
      return true;
    },
  );
  assert.equal(told[0], "installing Debian packages: bernard-has-no-such-package");
});
