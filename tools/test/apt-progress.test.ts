/** A long apt-get is told of every few seconds, in a bounded number of lines; a short one only by its size. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { AptProgress } from "../src/apt-progress.ts";

function said(lines: readonly (readonly [atS: number, line: string])[]): string[] {
  const told: string[] = [];
  const progress = new AptProgress((line) => told.push(line), 0);
  for (const [atS, line] of lines) progress.take(line, atS * 1000);
  return told;
}

test("a slow line: the size, then the percent, then how far the installation is", () => {
  const told = said([
    [1, "Reading package lists..."],
    [2, "dlstatus:1:0.0000:Retrieving file 1 of 61"],
    [2, "Need to get 37.2 MB of archives."],
    [2, "Get:1 http://deb.debian.org/debian bookworm/main amd64 libfdt1 amd64 1.6.1-4+b1 [23.5 kB]"],
    [4, "dlstatus:2:12.5:Retrieving file 2 of 61 (52s remaining)"],
    [8, "dlstatus:5:19.9999:Retrieving file 5 of 61 (50s remaining)"],
    [9, "dlstatus:5:20.1:Retrieving file 5 of 61 (49s remaining)"],
    [30, "dlstatus:30:58.0521:Retrieving file 30 of 61 (20s remaining)"],
    [40, "dlstatus:30:59.9:Retrieving file 30 of 61 (19s remaining)"],
    [60, "dlstatus:61:100.0000:Retrieving file 61 of 61"],
    [61, "Fetched 37.2 MB in 60s (620 kB/s)"],
    [66, "pmstatus:libfdt1:8.2474:Preparing libfdt1 (amd64)"],
    [67, "pmstatus:dpkg-exec:13.1:Running dpkg"],
    [90, "Setting up qemu-utils (1:7.2+dfsg-7+deb12u13) ..."],
  ]);
  assert.deepEqual(told, ["downloading 37.2 MB", "downloading: 10 %", "downloading: 50 %", "installing: 10 %"]);
});

test("a fast line: nothing but the size", () => {
  const told = said([
    [1, "Need to get 1,024 kB/30.9 MB of archives."],
    [2, "dlstatus:2:34.6106:Retrieving file 2 of 2"],
    [3, "pmstatus:cowsay:60:Unpacking cowsay (all)"],
  ]);
  assert.deepEqual(told, ["downloading 1,024 kB"]);
});

test("nothing to download: not a word of it", () => {
  assert.deepEqual(said([[1, "Need to get 0 B/30.9 kB of archives."]]), []);
});

test("however slow, the lines are few", () => {
  const percents = Array.from({ length: 1001 }, (_, i) => i / 10);
  const lines = ["dl", "pm"].flatMap((kind, part) =>
    percents.map((percent, i) => [part * 1e5 + i * 60, `${kind}status:x:${percent.toFixed(4)}:x`] as const),
  );
  assert.equal(said(lines).length, 18);
});
