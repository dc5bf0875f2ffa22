/** Whatever goes wrong is one line that says what to do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { errorLine, run, UserError } from "@bernard/tools";

const systemError = (code: string) => Object.assign(new Error(`${code}: something, write`), { code });

const lines: readonly (readonly [thrown: unknown, line: string])[] = [
  [new UserError("the disk is gone", "buy another"), "the disk is gone; buy another"],
  [new UserError("the disk is gone"), "the disk is gone"],
  [new Error("two\n  lines\n"), "two lines "],
  ["a string", "a string"],
  [systemError("ENOSPC"), "ENOSPC: something, write; free some disk space and try again"],
  [systemError("EDQUOT"), "EDQUOT: something, write; free some disk space and try again"],
  [systemError("EACCES"), "EACCES: something, write; run this as the user who owns that file, or as root"],
  [systemError("ENOENT"), "ENOENT: something, write"],
];

for (const [thrown, line] of lines) {
  test(`the line for ${String(thrown).replaceAll("\n", "\\n")}`, () => assert.equal(errorLine(thrown), line));
}

const failures: readonly (readonly [script: string, message: string])[] = [
  ["echo first >&2; echo 'error: no such thing' >&2; echo bye >&2; exit 3", "sh ended with 3: error: no such thing; h"],
  ["echo first >&2; echo last >&2; exit 1", "sh ended with 1: last; h"],
  ["kill -9 $$", "sh ended with SIGKILL: ; h"],
  [
    "echo 'ld: No space left on device' >&2; echo 'error: ld failed' >&2; exit 1",
    "sh ended with 1: ld: No .*; free .*",
  ],
  ["dd if=/dev/zero of=/dev/full count=1", "sh ended with 1: dd: .*: No space left on device; free some disk space .*"],
];

for (const [script, message] of failures) {
  test(`a program that fails: ${script}`, async () => {
    const expected = new RegExp(`^${message}$`);
    await assert.rejects(run("sh", ["-c", script], { hint: "h", env: { ...process.env, LC_ALL: "C" } }), (error) => {
      assert.ok(error instanceof UserError);
      assert.match(error.message, expected);
      return true;
    });
  });
}

test("a program that is not there", async () => {
  await assert.rejects(run("no-such-program", [], { hint: "install it" }), {
    message: "no-such-program: no such program; install it",
  });
});
