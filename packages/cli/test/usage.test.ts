/** What a person types wrong is refused in one line that says how it is written. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runBernard } from "./run-bernard.ts";

const WRONG: readonly (readonly [words: readonly string[], complaint: RegExp])[] = [
  [["statu"], /unknown command 'statu' \(Did you mean status\?\)/],
  [["status", "now"], /too many arguments for 'status'/],
  [["incident", "show", "x"], /Write the number that `bernard incidents` shows/],
  [["incident", "export", "0"], /Write the number that `bernard incidents` shows/],
  [["incident", "shw", "1"], /unknown command 'shw' \(Did you mean show\?\)/],
  [["incident", "show", "1", "--jsn"], /unknown option '--jsn' \(Did you mean --json\?\)/],
  [["mute", "web-1", "2x"], /Write 90s, 10m, 2h or 1d/],
  [["mute", "web-1", "31d"], /A mute is 30d long at most/],
];

for (const [words, complaint] of WRONG) {
  test(`bernard ${words.join(" ")}`, async (t) => {
    const { code, stdout, stderr } = await runBernard(t, ...words);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, /^bernard: [^\n]*; try --help\n$/);
    assert.match(stderr, complaint);
  });
}

test("BERNARD_LOG of no known level", async (t) => {
  process.env.BERNARD_LOG = "loud";
  t.after(() => delete process.env.BERNARD_LOG);
  const { code, stderr } = await runBernard(t, "host", "--config", "/dev/null");
  assert.deepEqual([code, stderr], [2, "bernard: BERNARD_LOG is loud; one of debug, info, warn, error\n"]);
});
